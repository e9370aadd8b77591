"""Secrets that no sign joins to their name, each kind by siblings: gone at `medium`; what looks alike stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.drawing import draw

Find = Callable[[bytes], list[dict[str, Any]]]
MEDIUM = 0.7
P, K, H = "<alnum 11>7", "<alnum 32>", "<hex 64>"

GONE = {
    "typed into a field": [
        f'driver.find_element_by_id("passwd").send_keys("{P}")', f"cy.get('#password').type('{P}')",
        f"page.fill('input[name=password]', '{P}')", f'fill_in "Password", with: "{P}"', f"await t.typeText('#password', '{P}')",
        f'new ParameterBuilder().setName("api_secret").setValue("{K}").build();', f"await p.getByLabel('Password').fill('{P}')",
        f"Input Text    id:password    {P}", f"${{ADMIN_PASSWORD}}    {P}", f'expect "assword:"\nsend "{P}\\r"',
        f"child.expect('Password:')\nchild.sendline('{P}')", f'tn.read_until(b"Password: ")\ntn.write(b"{P}\\n")',
    ],
    "key of a function": [
        f"jwt.verify(token, '{K}', done);", f"crypto.createHmac('sha256', '{K}')", f'hmac.New(sha256.New, []byte("{K}"))',
        f"openssl_encrypt($d, 'aes-256-cbc', '{K}', 0, $iv)", 'Fernet(b"<b64url 43>=")', f'new SecretKeySpec("{K}".getBytes(), "AES")',
        f'OAuthHandler("<alnum 25>", "{K}")', f'\nprovider :twitter, "<alnum 25>", "{K}"', f'sessions.NewCookieStore([]byte("{K}"))',
        f'URLSafeTimedSerializer("{K}")', 'Twilio.init("AC<hex 32>", "<hex 32>");',
    ],
    "password of a call": [
        f'.basic_auth("admin", Some("{P}"))', f'keyStore.load(in, "{P}".toCharArray());', f'WiFi.begin("HomeNet", "{P}");',
        f"req.basic_auth 'svc', '{P}'", f"$ua->credentials('h:443', 'Admin', 'admin', '{P}');", f"new Sequelize('shop', 'root', '{P}', x)",
        f'env.put(Context.SECURITY_CREDENTIALS, "{P}");', f"FTP('ftp.initech.net', 'up', '{P}')", f"btoa('admin:{P}')",
        f'imap_open("{{h:993}}", "ops", "{P}")', f'mysql_real_connect(c, "h", "root", "{P}", "db", 0)', f'password := []byte("{P}")',
        f'Credentials("Nexus", "nexus.initech.net", "deploy", "{P}")', f"my ($user, $password) = ('bob', '{P}');",
    ],
    "fallback": [
        f"const s = process.env.JWT_SECRET || '{K}';", f"key = config.encryptionKey ?? '{H}'", f"getenv('APP_SECRET') ?: '{K}'",
        f"${{DB_PASSWORD:-{P}}}", f': "${{DB_PASSWORD:={P}}}"', f'env::var("SECRET").unwrap_or("{K}".into())', f'@Value("${{jwt.secret:{K}}}")',
    ],
    "rows and declarations": [
        f"INSERT INTO users (name, password) VALUES ('admin', '{P}');", f"EXEC sp_addlogin 'report', '{P}', 'master'",
        f'variable "db_password" {{\n  type = string\n  default = "{P}"\n}}', f"  DBPassword:\n    Type: String\n    Default: {P}\n",
        f'buildConfigField "String", "API_KEY", "\\"{K}\\""', f'<wsse:Password Type="#Text">{P}</wsse:Password>',
        f'<meta-data android:name="io.fabric.ApiKey" android:value="{K}" />', f'{{default_pass, <<"{P}">>}}', f"set :password, '{P}'",
        f"default['db']['password']['postgres'] = '{P}'", f'api_key <- "{K}"', f'#define kSecret @"{K}"',
    ],
    "said": [
        f"The staging password is {P}1", f"# ssh root@build7  pw: {P}1", f"// password was {P}1", f"Your password is: {P}1",
        f"CONNECT hr/{P}@orcl", f'sql.Open("mysql", "root:{P}@tcp(127.0.0.1:3306)/shop")', f'echo "{P}" | sudo -S ls',
        f"login user=bob password={P} ok", f"host=db user=u password={P} dbname=d", f'withEnv(["NEXUS_PASSWORD={P}"])',
        f'curl_setopt($c, CURLOPT_USERPWD, "bot:{P}");', f"ENV DB_PASSWORD {P}", f"enable secret 0 {P}", f"snmp-server community {P} RO",
        f"\n[smtp.initech.net]:587 mailer:{P}\n", f"set -x API_TOKEN {P}", f"login=bob:{P}",
    ],
    "services by name": [
        f'shodan_key = "{K}"', "OPENWEATHER=<hex 32>", "'virustotal': '<hex 64>',", "abuseipdb: '<hex 80>'", ("APP_PREVIOUS_KEYS=base64:<b64 "
                                                                                                             "43>=,base64:<b64 43>="),
    ],
}  # fmt: skip

STAYS = {
    "names and constants": [
        "case 0x40107447: PPPIOCSPASS = 0x40107447", "hashers = ['django.contrib.auth.hashers.PBKDF2PasswordHasher']", "'password1': 'FORBIDDEN_VALUE2',",
        ("->add('password', "
        "'Symfony\\Component\\Form\\Extension\\Core\\Type\\PasswordType')"), "--- PASS: TestVet/0 (0.13s)", "// Pass: dynamic=0, static=1",
        '{token.FLOAT, "0x1.0_p0"}', "f.pass = &emptyPass", 'password_parameter: "user_login[password]"', "filter(password__startswith='sha1$$')",
        'id="crowdin:5fd89b8542e5aa5cc27457e2"', "Client('ip-addr-of-scheduler:8786')", "password: *default_password", "set PASS=%DB_PASS%",
    ],
    "public and short-lived": [
        'name="csrf-token" content="<hex 20>"', 'data-sitekey="6L<b64url 38>"', "ENV GPG_KEY <hexu 40>", 'VerifierKey = "<alnum 32>"',
        "yield ['x://login:apiKey@default'];", "sinch://accountSid:authToken@default", "MAILER_DSN=mailgun+api://KEY:DOMAIN@default",
        "Authorization: Basic bXlOYW1lOm15UGFzc3dvcmQ=",
    ],
    "calls": [
        "cy.get('#password').type('Enter')", 'fill_in "Name", with: "Bob2021x"', "const t = process.env.TOKEN || 'token';",
        ("INSERT INTO users (name, age) VALUES ('admin1x', "
        "'b4nana')"), "jwt.verify(token, secret, done)", '"0123456789ABCDEF".toCharArray()',
        "The password is required", "the password was hashed with sha256", "send 'hello99'", "login = user:password",
    ],
    "addresses": [
        "3ffe::1", "2020::2020:20:2020:2020", "2001:db8:1::1", "2620:0:1cfe:face:b00c::3", "host 12.34.56.78", "'87.65.43.21'",
        "Mozilla/5.0 AppleWebKit/537.36 Chrome/77.0.3829.0 Edg/77.0.197.1",
    ],
}  # fmt: skip


def siblings(kinds: dict[str, list[str]]) -> list[Any]:
    return [pytest.param(t, id=f"{k}-{i}") for k, each in kinds.items() for i, t in enumerate(each)]


@pytest.mark.parametrize("template", siblings(GONE))
def test_secret_without_a_sign_goes_at_medium(find: Find, template: str) -> None:
    for seed in range(5):
        text = f"x\n{draw(template, seed)}\ny\n".encode()
        assert any(row["score"] >= MEDIUM for row in find(text)), text


@pytest.mark.parametrize("template", siblings(STAYS))
def test_what_only_looks_alike_stays_at_medium(find: Find, template: str) -> None:
    text = f"x\n{draw(template, 1)}\ny\n".encode()
    assert not [row["rule"] for row in find(text) if row["score"] >= MEDIUM], text


def test_value_in_base64_of_an_image_is_no_token(find: Find) -> None:
    text = f"data:image/png;base64,{draw('<b64 100>', 1)}/EAA{draw('<alnum 40>', 2)}".encode()
    assert not [row for row in find(text) if row["score"] >= MEDIUM]
