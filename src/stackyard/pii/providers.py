"""Services whose keys have no prefix of their own, by the name that code gives them.

A drawn value under such a name is a key of the service: `openweather = "..."`, `ABUSEIPDB=...`. Names of hosts of
code are left out, as what is drawn under those is mostly a commit. From the services' public documentation.
"""

from __future__ import annotations

NAMES = (
    "abuseipdb", "airbrake", "airvisual", "alchemy", "algolia", "alienvault", "alphavantage",
    "amplitude", "apilayer", "appcues", "appdynamics", "appoptics", "assemblyai", "aylien",
    "backblaze", "bamboohr", "baremetrics", "bitfinex", "bitly", "bitmex", "bittrex", "binance",
    "blocknative", "browserstack", "bugsnag", "builtwith", "buttercms", "calendarific", "calendly",
    "campaignmonitor", "censys", "chargebee", "chartmogul", "clarifai", "clearbit", "clickatell",
    "clicksend", "climacell", "clockify", "coinapi", "coinlayer", "coinmarketcap", "contentstack",
    "convertapi", "convertkit", "coveralls", "crowdin", "cryptocompare", "currencylayer",
    "currencyfreaks", "customerio", "datadog", "datagov", "deepai", "deepgram", "deepl",
    "delighted", "detectlanguage", "docparser", "docusign", "dotdigital", "droneci", "dwolla",
    "dynadot", "edamam", "etherscan", "etsy", "eventbrite", "everhour", "exchangerate", "fauna",
    "finicity", "finnhub", "fixerio", "flickr", "flutterwave", "foursquare", "freshbooks",
    "freshdesk", "fullstory", "geoapify", "geocodio", "getresponse", "ghostinspector", "giphy",
    "gocanvas", "greynoise", "gumroad", "happyscribe", "helpscout", "honeybadger", "hunterio",
    "imgur", "influx", "infura", "insightly", "instapaper", "ip2location", "ipgeolocation",
    "ipinfo", "ipify", "ipstack", "iterable", "jotform", "keenio", "kickbox", "klaviyo", "kraken",
    "kucoin", "lastfm", "last_fm", "livestorm", "locationiq", "lokalise", "loggly", "logdna",
    "logzio", "mailboxlayer", "mailjet", "mailmodo", "marketstack", "mattermost", "mediastack",
    "messagebird", "mixpanel", "moosend", "moralis", "newsapi", "newscatcher", "nexmo", "numverify",
    "nylas", "nytimes", "oanda", "omdb", "omnisend", "onelogin", "onesignal", "opencage",
    "openweather", "opsgenie", "optimizely", "owlbot", "passivetotal", "pastebin", "pdfshift",
    "pexels", "pipedream", "pipedrive", "pivotaltracker", "pixabay", "plivo", "polygonio",
    "positionstack", "postageapp", "pubnub", "pushbullet", "pushover", "quandl", "rebrandly",
    "recurly", "riskiq", "rollbar", "salesflare", "saucelabs", "scraperapi", "scrapestack",
    "scrapingbee", "screenshotapi", "screenshotlayer", "securitytrails", "sendbird", "sendinblue",
    "serpapi", "serpstack", "shodan", "shutterstock", "sirv", "smartsheet", "smartystreets",
    "snipcart", "sparkpost", "splunk", "spoonacular", "sportradar", "sportmonks", "squarespace",
    "statuspage", "stormglass", "storyblok", "strava", "surveymonkey", "tatum", "testingbot",
    "thetvdb", "ticketmaster", "tiingo", "tmdb", "todoist", "toggl", "tomorrowio", "tomtom",
    "twelvedata", "unsplash", "uploadcare", "uptimerobot", "urlscan", "userstack", "vatlayer",
    "virustotal", "visualcrossing", "vultr", "weatherbit", "weatherstack", "webflow", "wepay",
    "whoxy", "wistia", "woocommerce", "worldweather", "xendit", "yelp", "zapier", "zenscrape",
    "zenserp", "zipcodeapi", "zoomeye",
)  # fmt: skip
"""In small letters, without the word for a key that mostly follows."""

ALTERNATIVES = "|".join(NAMES).encode()
