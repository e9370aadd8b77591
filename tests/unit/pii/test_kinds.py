"""Kinds of syntax that a secret stands in, each by ten siblings and more: gone at `medium`, the rest stays."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.drawing import draw

Find = Callable[[bytes], list[dict[str, Any]]]

MEDIUM, HIGH = 0.7, 0.4

P = "<alnum 12>"
GONE = {
    "sql": [
        f"CREATE USER app WITH PASSWORD '{P}';", f"ALTER USER app IDENTIFIED BY '{P}';",
        f"create role x login encrypted password '{P}';", f"SET PASSWORD FOR 'u'@'%' = '{P}';",
        f"GRANT ALL ON d.* TO 'u'@'h' IDENTIFIED BY '{P}';", f"CREATE LOGIN x WITH PASSWORD = '{P}';",
        f"ALTER LOGIN sa WITH PASSWORD=N'{P}';", f"CREATE USER u IDENTIFIED WITH mysql_native_password BY '{P}';",
        f"ALTER ROLE r PASSWORD '{P}' VALID UNTIL 'infinity';", f'IDENTIFIED BY "{P}";',
        f"SET PASSWORD = PASSWORD('{P}');", f"CREATE USER 'a'@'b' IDENTIFIED BY PASSWORD '{P}';",
    ],
    "command line": [
        f"sshpass -p {P} ssh h.example.org", f"mysql -u app -p{P} shop", f"tool login --password={P}",
        "tool --token <alnum 24> --all", f"curl -u app:{P} http://h.initech.com", f"mysqldump -uapp -p'{P}' d",
        f"openssl rsa -in k.pem -passin pass:{P}", f"openssl req -passout pass:{P} -new",
        f"PGPASSWORD={P} psql -h db", f"docker login -u bot -p {P} r.initech.com", f"export DB_PASSWORD={P}",
        f"mysqladmin --password={P} ping", f"wget --user=u --password='{P}' http://h", f"sshpass -p'{P}' scp a b",
        f"smbclient //h/s -U bob%{P}", f"redis-cli -a {P} ping", f"mongosh -u root -p {P}", f"curl --user 'app:{P}' h",
        f"net use x: \\\\h\\s /user:bob {P}", f"keytool -storepass {P} -keypass {P}", f"ldapsearch -x -w {P} -D cn=a",
        f"htpasswd -b f bob {P}", f"echo 'root:{P}' | chpasswd", f"set PASSWORD={P}", f"-Djavax.net.ssl.keyStorePassword={P}",
    ],
    "keyword between": [
        f'storePassword "{P}"', f"keyPassword '{P}'", f'$p = ConvertTo-SecureString "{P}" -AsPlainText -Force',
        f"ConvertTo-SecureString -String '{P}' -AsPlainText", 'const CLIENT_SECRET: &str = "<alnum 32>";',
        'static API_KEY: &\'static str = "<alnum 32>";', 'char api_secret[] = "<alnum 20>";',
        f'const char *db_password = "{P}";', f'let password: string = "{P}";', f'val dbPassword: String = "{P}"',
        'var apiToken string = "<alnum 32>"', 'public const string ApiKey = "<alnum 32>";', f'#define WIFI_PASSWORD "{P}"',
        f'password: str = "{P}"', 'secret_key: Final[str] = "<alnum 32>"', f'private readonly password?: string = "{P}";',
        '#define API_TOKEN ("<alnum 32>")', ('static const uint8_t secret_key[32] = '
                                            '"<alnum 32>";'), f"my $db_password = '{P}';",
        'String.valueOf("x"); setPassword(new String("<alnum 20>"))', 'secret := []byte("<alnum 32>")',
        f'password = os.getenv("DB_PASSWORD", "{P}")', f"define('DB_PASSWORD', '{P}');", f'.setProperty("password", "{P}")',
        f'(setq smtp-password "{P}")', f'password => "{P}",', f':password "{P}"', f'password = <<"{P}">>',
    ],
    "tags": [
        "<key>API_KEY</key><string><alnum 32></string>", f"<key>password</key>\n\t<string>{P}</string>",
        f"<password>{P}</password>", f'<add key="Password" value="{P}"/>', f'<property name="password" value="{P}"/>',
        f'<property name="javax.persistence.jdbc.password" value="{P}" />', f'<property name="password">{P}</property>',
        '<input type="hidden" name="api_token" value="<alnum 32>">', f"<Password><![CDATA[{P}]]></Password>",
        f'<param value="{P}" name="password"/>', f'<entry key="db.password">{P}</entry>', ('<setting name="secret" '
                                                                                          'value="<alnum 24>"/>'),
        f'<user username="bob" password="{P}" roles="admin"/>', f"<name>db.password</name>\n<value>{P}</value>",
        f'<server id="x"><username>u</username><password>{P}</password></server>', '<string name="api_secret"><alnum 32></string>',
    ],
    "siblings": [
        f'{{"key": "password", "value": "{P}"}}', f'{{"value": "{P}", "key": "password"}}', f'{{"name":"DB_PASSWORD","value":"{P}"}}',
        f"- name: DB_PASSWORD\n  value: {P}\n", '- name: API_TOKEN\n  value: "<alnum 32>"\n', '{"id": "apiKey", "content": "<alnum 32>"}',
        f'{{\n  "key": "password",\n  "type": "string",\n  "value": "{P}"\n}}', f'{{ name: "password", value: "{P}" }}',
        f"[{{'Key': 'Password', 'Value': '{P}'}}]", f'"ParameterKey": "DbPassword",\n "ParameterValue": "{P}"',
        f'name = "DB_PASSWORD"\nvalue = "{P}"', f'{{"value":"{P}","type":"string","key":"password"}}',
    ],
    "strings within strings": [
        f'{{"body": "{{\\"password\\": \\"{P}\\"}}"}}', '"{\\\\\\"token\\\\\\": \\\\\\"<alnum 32>\\\\\\"}"',
        f"{{\\u0022password\\u0022:\\u0022{P}\\u0022}}", f"{{&quot;password&quot;:&quot;{P}&quot;}}",
        'body: "{\\"client_secret\\":\\"<alnum 32>\\",\\"a\\":1}"', f"data='{{\"password\":\"{P}\"}}'",
        f'"raw": "{{\\n \\"password\\": \\"{P}\\"\\n}}"', f"%22password%22:%22{P}%22", f"x=1&password={P}&y=2",
        f'{{user:"a",password:"{P}",x:1}}', f"{{user: a, password: {P}, x: 1}}", 'a({b:1,apiKey:"<alnum 32>",c:2})',
        f"grant_type=password&username=a&password={P}", f"Server=db;User Id=sa;Password={P};Encrypt=no",
    ],
    "headers": [
        "Bearer <alnum 40>", '"value": "Bearer <alnum 32>"', "- Bearer <hex 40>", "Basic <pair64>", '["Basic <pair64>"]',
        "headers = {'X': 'Bearer <alnum 36>'}", "Authorization: Basic <pair64>", "authorization: Bearer <b64url 60>",
        "Set-Cookie: session=<alnum 32>; Path=/", "Cookie: PHPSESSID=<base36 26>; a=b", '"cookie": "sid=<alnum 32>"',
        ("Authorization: NTLM "
        "TlRMTVNTUAADAAAAGAAYAHAAAAAYABgA<b64 80>"), "Negotiate YIIG<b64 200>", "curl -b 'sessionid=<alnum 32>' h",
        "X-Vault-Token: <alnum 26>", "Proxy-Authorization: Basic <pair64>", "JSESSIONID=<hexu 32>",
        "connect.sid=s%3A<b64url 32>.<b64url 43>", "Authorization: token <hex 40>", "X-Auth-Key: <hex 37>",
    ],
    "calls": [
        f'login("user", "{P}")', f"client.login('bob', '{P}')", f'new NetworkCredential("bob", "{P}")', f'setPassword("{P}")',
        f'.password("{P}")', f'auth=("bob", "{P}")', f'HTTPBasicAuth("bob", "{P}")', f'new UsernamePasswordCredentials("bob", "{P}")',
        f'withPassword("{P}")', f'authenticate("bob","{P}")', f'DriverManager.getConnection("jdbc:x://h/d", "bob", "{P}")',
        f'mysqli_connect("h", "bob", "{P}")', f'new PDO("mysql:host=h", "bob", "{P}")', f"ftp_login($c, 'bob', '{P}')",
        f'smtp.login("bob@initech.org", "{P}")', f'Credentials.basic("bob", "{P}")', f'sign_in("bob", "{P}")', f'basic_auth("bob", "{P}")',
    ],
    "keys that are not PEM": [
        '{"kty":"EC","crv":"P-256","x":"<b64url 43>","y":"<b64url 43>","d":"<b64url 43>"}',
        ('{"d": "<b64url 43>", "kty": "OKP", "crv": "Ed25519", "x": '
        '"<b64url 43>"}'), '{"kty":"oct","k":"<b64url 43>","alg":"HS256"}',
        '"kty":"RSA","n":"<b64url 342>","e":"AQAB","d":"<b64url 342>"', ("<RSAKeyValue><Modulus><b64 "
                                                                        "171>=</Modulus><D><b64 "
                                                                        "171>=</D></RSAKeyValue>"),
        '{"p":"<b64url 171>","kty":"RSA","q":"<b64url 171>"}', "<RSAKeyValue><P><b64 86>==</P></RSAKeyValue>",
        "{'kty': 'EC', 'd': '<b64url 43>'}", "kty: oct\nk: <b64url 43>\n", '{\\"kty\\":\\"oct\\",\\"k\\":\\"<b64url 43>\\"}',
        ("-----BEGIN RSA PRIVATE KEY----- <b64 300> -----END RSA PRIVATE "
        "KEY-----"), 'PRIVATE_KEY="-----BEGIN PRIVATE KEY-----<b64 300>"',
    ],
    "framework keys": [
        "APP_KEY=base64:<b64 43>=", "secret_key_base: <hex 128>", "SECRET_KEY = 'django-insecure-<b64url 50>'", "SECRET_KEY = '<alnum 50>'",
        "APP_SECRET=<hex 32>", "define('AUTH_KEY', '<alnum 64>');", ("define( 'SECURE_AUTH_SALT',  "
                                                                    "'<alnum 64>' );"), "'key' => 'base64:<b64 43>=',",
        "config.secret_key = '<hex 128>'", "app.secret_key = b'<alnum 24>'", "JWT_SECRET=<alnum 32>", "NEXTAUTH_SECRET=<b64 43>=", "'cookieValidationKey' => '<alnum 32>',",
        "session.secret: '<alnum 32>'", "app.use(session({secret: '<alnum 24>'}))", "config.pepper = '<hex 128>'", "encryption_key: <hex 64>", 'play.http.secret.key="<alnum 64>"',
    ],
    "blocks and files": [
        f"password: |\n  {P}\n", f"password: >-\n    {P}\n", f"password = \\\n  '{P}'", f'db_password=\n"{P}"', f"[mail]\npassword = {P}\n",
        f"spring.datasource.password={P}", f"password\t{P}x!".replace("\t", " = "), f"machine h.initech.com login bob password {P}",
        f"requirepass {P}", f"h.initech.com:5432:db:bob:{P}", f"bindpw {P}", f"password: !vault-plain {P}".replace("!vault-plain ", ""), f"rootpw {P}",
    ],
    "lists of a cassette": [
        "Authorization:\n  - Bearer <alnum 40>\n", "authorization:\n- 'Bearer <alnum 40>'\n", "Authorization:\n    - Basic <pair64>\n",
        "Authorization:\n  - token <hex 40>\n", 'Authorization:\n  - "token <hex 40>"\n', "Authorization:\n  - <alnum 40>\n", "X-Api-Key:\n  - <alnum 32>\n",
        'X-Auth-Token:\n  - "<hex 32>"\n', "Private-Token:\n  - <alnum 20>\n", "X-Vault-Token:\r\n    - <alnum 26>\r\n", '"X-Api-Key": [\n    "<alnum 32>"\n]',
        "Cookie:\n  - sessionid=<alnum 32>; a=b\n", "Set-Cookie:\n- sid=<alnum 32>; Path=/\n", ('"Set-Cookie": [\n  '
                                                                                               '"sid=<alnum 32>; Path=/"\n]'),
    ],
    "pairs as arguments": [
        "auth=('admin', '<alnum 14>')", ('requests.get(url, auth=("svc", '
                                        '"<alnum 14>"))'), "auth=(u'admin', u'<alnum 14>')", "auth=(\n    'admin',\n    '<alnum 14>',\n)",
        "auth=('admin', r'<alnum 14>')", "'auth': ['bob', '<alnum 20>']", "auth => ['bob', '<alnum 20>', 'digest']", "http_auth=('elastic', '<alnum 16>')",
        "auth=HTTPDigestAuth('root', '<alnum 14>')", 's.auth = "bob", "<alnum 14>"', "proxy_auth = ('u1', '<alnum 14>')",
    ],
    "jars of cookies": [
        "headers['Cookie'] = 'sessionid=<alnum 32>'", "cookies={'sessionid': '<alnum 32>'}", "cookies = dict(sessionid='<alnum 32>')", 'cookies: { sid: "<hex 32>" }',
        "document.cookie = 'token=<alnum 32>'", ("setRequestHeader('Cookie', "
                                                "'sid=<alnum 32>')"), "HTTP_COOKIE='sessionid=<alnum 32>'", "Cookie: a=1; b=2; session=<alnum 43>",
    ],
    "words between": [
        'ConvertTo-SecureString -AsPlainText "<alnum 16>" -Force', ("ConvertTo-SecureString "
                                                                   "-AsPlainText -Force -String '<alnum 16>'"),
        ("$pw='<alnum 16>'|ConvertTo-SecureString "
        "-AsPlainText -Force"), "net user bob <alnum 14> /add", "sqlcmd -S db -U sa -P <alnum 14>",
        "alter user scott identified by <alnum 14>;", ("echo <alnum 14> | docker login -u a "
                                                      "--password-stdin"), ("svn co --username a "
                                                                          "--password <alnum 14> http://x"),
        'Const API_KEY As String = "<alnum 32>"', ('password : constant String := '
                                                  '"<alnum 14>";'), 'const std::string kApiKey{"<alnum 32>"};',
        'pub const SECRET_KEY: [u8; 32] = *b"<alnum 32>";', '<void property="password"><string><alnum 14></string></void>', '{"k": "password", "v": "<alnum 16>"}',
        ("<entry><string>password</string><string><alnum "
        "14></string></entry>"), "<name>password</name><value><string><alnum 14></string></value>",
    ],
}  # fmt: skip

STAYS = {
    "hashes": [
        ("add_header Content-Security-Policy \"script-src 'sha256-<b64 "
        "43>='\";"), "script-src 'sha384-<b64 64>'", "'sha512-<b64 86>=='",
        'integrity="sha384-<b64 64>"', '"integrity": "sha512-<b64 86>=="', 'ETag: "<hex 32>"', "etag = '<hex 32>'", 'If-None-Match: W/"<hex 40>"',
        "commit <hex 40>", "uses: actions/checkout@<hex 40>", "sha256:<hex 64>", "h1:<b64 43>=", "gem 'x', ref: '<hex 40>'", '"resolved": "https://r/x.tgz#<hex 40>"',
        'uuid = "<uuid>"', 'checksum = "<hex 64>"', "nonce='<b64 22>=='", "Content-MD5: <b64 22>==", "script-src 'nonce-<b64 22>=='", 'etag: "<alnum 27>"',
        "require.resolve('x', '<hex 8>')", "key: ${{ runner.os }}-<hex 40>", "id_token_hash = '<hex 64>'",
    ],
    "versions": [
        "needs libfoo 9.18.33.4 or newer", "bind9 1:9.18.33.4-1", "chrome 120.0.6099.71", "Mozilla/5.0 Chrome/120.0.6099.216 Safari", "foo==9.18.33.4", "libfoo-9.18.33.4.tar.gz",
        "upgrade libfoo to 9.18.33.40", '"foo": "9.18.33.4"', "foo (>= 9.18.33.4)", "release 9.18.33.4", "since 9.18.33.4", "Version 92.0.4515.107", "ImageMagick 6.9.11.60",
        "tested with zlib 1.22.33.44", "(9.18.33.4)", "foo:9.18.33.40-alpine",
    ],
    "references": [
        "password = get_password()", 'password = "${DB_PASSWORD}"', "password: <%= ENV['X'] %>", "password = os.environ['DB_PASSWORD']", "password: {{ vault_password }}",
        "password = config.db.password", "password: $(DB_PASSWORD)", 'password="$PASSWORD"', "setPassword(password)", "login(user, password)", "password=%(pw)s", "--password=$PW",
        "mysql -u app -p shop", 'sshpass -p "$PASS" ssh h', "--password-file /run/secrets/db1", "curl -u user:password http://h", "auth=(user, password)", "password = self._password2",
        'getenv("DB_PASSWORD_2")', "password = input['password1']", 'login("user", "password")', "secret: process.env.SECRET_1", 'password := r.FormValue("password2")', "ENV['API_KEY_2']",
    ],
    "placeholders": [
        'password = "changeme"', "password: YOUR_PASSWORD", 'token = "<token>"', "api_key = 'xxxxxxxxxxxx'", 'password = "********"', "secret = 'REDACTED'", "password: [FILTERED]",
        "token: access_token_removed", "key = 'api_key_redacted'", "secret: <secret removed>", "password = 'replace_me'", "token = 'insert-token-here1'", "PASSWORD=example_password1",
        'password = "dummy_pass1"', "secret: '__SECRET__'", "token: '{token1}'", "password: hidden_value", "API_KEY=sanitized", "Bearer <access_token>", "Bearer YOUR_TOKEN_HERE_12345", "token: 'fake-token-1'",
        "Authorization: Basic <base64>", "Bearer ...", "password: '[removed]'", "token=SCRUBBED", "cookie: session=omitted", "api_token: '***masked***'", "password: 'not-a-real-password1'",
    ],
    "labels": [
        '"password": "Password"', "<label for='pw1'>Password:</label>", "password_label = 'Enter your password'", "'password' => 'Passwort eingeben',", 'passwordHint: "min 8 chars"',
        ('<input type="password" name="password" '
        'id="password1">'), "password.required=Password is required", 'msgid "password"', '"token_type": "bearer"', 'error = "invalid_password2"',
        "'password' => 'required|min:8',", 'type: "password", name: "pass1"', 'key = "user.profile.name2"', 'primary_key = "user_id_2"', "password = models.CharField(max_length=128)",
        "field: 'password'", '"key": "password_field"', 'get("/password/reset1")', 'input[name="password1"]', 'auth: "oauth2"', "keyboard='qwerty123'", '$pwd = "/usr/lib"', "token = 'TOKEN_EOF2'",
    ],
    "lists": [
        "password:\n  - required\n  - string\n", "auth:\n  - user_service\n", "tokens:\n  - name: token_one\n", "keys:\n  - <alnum 24>\n", "secrets:\n  - db_password_2\n",
        ("__all__ = ('V3SomePassword', "
        "'V3OtherPassword')"), "methods=['v2password', 'v2code1']", ('v2password = '
                                                                   '"package_a.module._part:Password2"'),
        'user="scott",\n  password="tiger",',
        "V2PASS = 'v2password'", "https://c.example.org/gh/octo-org/yard/graph/badge.svg?token=<alnum 10>",
        "'auth' => ['web', 'auth:api']", "credentials: ['same-origin', 'include']", "key: [\n  'user_id',\n  'created_at'\n]", "authors:\n- name2, other\n",
        ("cookies={'theme': "
        "'dark-mode-with-contrast'}"), "is identified by name2 of it", "(password)\n  - see section2\n",
    ],
}  # fmt: skip


_DRAWN = re.compile(r"<(?:alnum|hex|hexu|b64|b64url|base36|pair64|uuid)(?: \d+)?>")


def _secrets(template: str, seed: int) -> tuple[str, list[str]]:
    """A drawn text, and the values in it that a template draws."""
    values = [draw(each[0], 100 * seed + i) for i, each in enumerate(_DRAWN.finditer(template))]
    left = iter(values)
    return _DRAWN.sub(lambda _: next(left), template), values


def _gone(find: Find, text: str, least: float = MEDIUM) -> set[int]:
    spans = [
        (row["start_byte"], row["end_byte"]) for row in find(text.encode()) if row["score"] >= least
    ]
    return {place for start, end in spans for place in range(start, end)}


_CASES = [(kind, each) for kind, templates in GONE.items() for each in templates]


@pytest.mark.parametrize(
    "template", [t for _, t in _CASES], ids=[f"{k}-{t[:40]}" for k, t in _CASES]
)
def test_secret_in_its_syntax_is_gone_at_medium(find: Find, template: str) -> None:
    for seed in range(3):
        text, values = _secrets(template, seed)
        wanted = values[-1:] if "kty" in text or "RSAKeyValue" in text else values
        if '"p":' in text:
            wanted = [values[0]]
        if "crv" in text and text.index('"d"') < text.index('"x"'):
            wanted = values[:1]
        gone = _gone(find, f"a\n{text}\n")
        for value in wanted:
            place = f"a\n{text}\n".index(value)
            assert gone.issuperset(range(place, place + len(value.rstrip("=")))), text


_STILL = [(kind, each) for kind, templates in STAYS.items() for each in templates]


@pytest.mark.parametrize(
    "template", [t for _, t in _STILL], ids=[f"{k}-{t[:40]}" for k, t in _STILL]
)
def test_what_is_no_secret_stays_at_medium(find: Find, template: str) -> None:
    for seed in range(3):
        text, _ = _secrets(template, seed)
        assert _gone(find, f"a\n{text}\n") == set(), text
