"""Guess where a customer's clock stands. Stripe gives no time zone.

The billing country (with the state, where a country has several zones) comes first, then the
country that issued the card, else the merchant's own zone. For a country with several zones and
no state, the zone most of its people live in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

BILLING = "billing"
CARD = "card"
MERCHANT = "merchant"


@dataclass(frozen=True, slots=True)
class ZoneGuess:
    """An IANA time zone, and whether it came from the billing address, the card or the merchant."""

    zone: str
    source: str


_COUNTRIES: Mapping[str, str] = MappingProxyType(
    dict(
        pair.split("=")
        for pair in [
            "AD=Europe/Andorra",
            "AE=Asia/Dubai",
            "AF=Asia/Kabul",
            "AG=America/Antigua",
            "AI=America/Anguilla",
            "AL=Europe/Tirane",
            "AM=Asia/Yerevan",
            "AO=Africa/Luanda",
            "AR=America/Argentina/Buenos_Aires",
            "AT=Europe/Vienna",
            "AU=Australia/Sydney",
            "AW=America/Aruba",
            "AZ=Asia/Baku",
            "BA=Europe/Sarajevo",
            "BB=America/Barbados",
            "BD=Asia/Dhaka",
            "BE=Europe/Brussels",
            "BF=Africa/Ouagadougou",
            "BG=Europe/Sofia",
            "BH=Asia/Bahrain",
            "BI=Africa/Bujumbura",
            "BJ=Africa/Porto-Novo",
            "BM=Atlantic/Bermuda",
            "BN=Asia/Brunei",
            "BO=America/La_Paz",
            "BR=America/Sao_Paulo",
            "BS=America/Nassau",
            "BT=Asia/Thimphu",
            "BW=Africa/Gaborone",
            "BY=Europe/Minsk",
            "BZ=America/Belize",
            "CA=America/Toronto",
            "CD=Africa/Kinshasa",
            "CG=Africa/Brazzaville",
            "CH=Europe/Zurich",
            "CI=Africa/Abidjan",
            "CL=America/Santiago",
            "CM=Africa/Douala",
            "CN=Asia/Shanghai",
            "CO=America/Bogota",
            "CR=America/Costa_Rica",
            "CV=Atlantic/Cape_Verde",
            "CW=America/Curacao",
            "CY=Asia/Nicosia",
            "CZ=Europe/Prague",
            "DE=Europe/Berlin",
            "DJ=Africa/Djibouti",
            "DK=Europe/Copenhagen",
            "DM=America/Dominica",
            "DO=America/Santo_Domingo",
            "DZ=Africa/Algiers",
            "EC=America/Guayaquil",
            "EE=Europe/Tallinn",
            "EG=Africa/Cairo",
            "ES=Europe/Madrid",
            "ET=Africa/Addis_Ababa",
            "FI=Europe/Helsinki",
            "FJ=Pacific/Fiji",
            "FO=Atlantic/Faroe",
            "FR=Europe/Paris",
            "GA=Africa/Libreville",
            "GB=Europe/London",
            "GD=America/Grenada",
            "GE=Asia/Tbilisi",
            "GF=America/Cayenne",
            "GG=Europe/Guernsey",
            "GH=Africa/Accra",
            "GI=Europe/Gibraltar",
            "GL=America/Nuuk",
            "GM=Africa/Banjul",
            "GN=Africa/Conakry",
            "GP=America/Guadeloupe",
            "GR=Europe/Athens",
            "GT=America/Guatemala",
            "GU=Pacific/Guam",
            "GY=America/Guyana",
            "HK=Asia/Hong_Kong",
            "HN=America/Tegucigalpa",
            "HR=Europe/Zagreb",
            "HT=America/Port-au-Prince",
            "HU=Europe/Budapest",
            "ID=Asia/Jakarta",
            "IE=Europe/Dublin",
            "IL=Asia/Jerusalem",
            "IM=Europe/Isle_of_Man",
            "IN=Asia/Kolkata",
            "IQ=Asia/Baghdad",
            "IS=Atlantic/Reykjavik",
            "IT=Europe/Rome",
            "JE=Europe/Jersey",
            "JM=America/Jamaica",
            "JO=Asia/Amman",
            "JP=Asia/Tokyo",
            "KE=Africa/Nairobi",
            "KG=Asia/Bishkek",
            "KH=Asia/Phnom_Penh",
            "KN=America/St_Kitts",
            "KR=Asia/Seoul",
            "KW=Asia/Kuwait",
            "KY=America/Cayman",
            "KZ=Asia/Almaty",
            "LA=Asia/Vientiane",
            "LB=Asia/Beirut",
            "LC=America/St_Lucia",
            "LI=Europe/Vaduz",
            "LK=Asia/Colombo",
            "LR=Africa/Monrovia",
            "LS=Africa/Maseru",
            "LT=Europe/Vilnius",
            "LU=Europe/Luxembourg",
            "LV=Europe/Riga",
            "LY=Africa/Tripoli",
            "MA=Africa/Casablanca",
            "MC=Europe/Monaco",
            "MD=Europe/Chisinau",
            "ME=Europe/Podgorica",
            "MG=Indian/Antananarivo",
            "MK=Europe/Skopje",
            "ML=Africa/Bamako",
            "MM=Asia/Yangon",
            "MN=Asia/Ulaanbaatar",
            "MO=Asia/Macau",
            "MQ=America/Martinique",
            "MR=Africa/Nouakchott",
            "MT=Europe/Malta",
            "MU=Indian/Mauritius",
            "MV=Indian/Maldives",
            "MW=Africa/Blantyre",
            "MX=America/Mexico_City",
            "MY=Asia/Kuala_Lumpur",
            "MZ=Africa/Maputo",
            "NA=Africa/Windhoek",
            "NC=Pacific/Noumea",
            "NE=Africa/Niamey",
            "NG=Africa/Lagos",
            "NI=America/Managua",
            "NL=Europe/Amsterdam",
            "NO=Europe/Oslo",
            "NP=Asia/Kathmandu",
            "NZ=Pacific/Auckland",
            "OM=Asia/Muscat",
            "PA=America/Panama",
            "PE=America/Lima",
            "PF=Pacific/Tahiti",
            "PG=Pacific/Port_Moresby",
            "PH=Asia/Manila",
            "PK=Asia/Karachi",
            "PL=Europe/Warsaw",
            "PR=America/Puerto_Rico",
            "PS=Asia/Hebron",
            "PT=Europe/Lisbon",
            "PY=America/Asuncion",
            "QA=Asia/Qatar",
            "RE=Indian/Reunion",
            "RO=Europe/Bucharest",
            "RS=Europe/Belgrade",
            "RU=Europe/Moscow",
            "RW=Africa/Kigali",
            "SA=Asia/Riyadh",
            "SB=Pacific/Guadalcanal",
            "SC=Indian/Mahe",
            "SE=Europe/Stockholm",
            "SG=Asia/Singapore",
            "SI=Europe/Ljubljana",
            "SK=Europe/Bratislava",
            "SL=Africa/Freetown",
            "SM=Europe/San_Marino",
            "SN=Africa/Dakar",
            "SR=America/Paramaribo",
            "SV=America/El_Salvador",
            "SZ=Africa/Mbabane",
            "TC=America/Grand_Turk",
            "TD=Africa/Ndjamena",
            "TG=Africa/Lome",
            "TH=Asia/Bangkok",
            "TJ=Asia/Dushanbe",
            "TM=Asia/Ashgabat",
            "TN=Africa/Tunis",
            "TO=Pacific/Tongatapu",
            "TR=Europe/Istanbul",
            "TT=America/Port_of_Spain",
            "TW=Asia/Taipei",
            "TZ=Africa/Dar_es_Salaam",
            "UA=Europe/Kyiv",
            "UG=Africa/Kampala",
            "US=America/New_York",
            "UY=America/Montevideo",
            "UZ=Asia/Tashkent",
            "VC=America/St_Vincent",
            "VE=America/Caracas",
            "VG=America/Tortola",
            "VI=America/St_Thomas",
            "VN=Asia/Ho_Chi_Minh",
            "VU=Pacific/Efate",
            "WS=Pacific/Apia",
            "XK=Europe/Belgrade",
            "YE=Asia/Aden",
            "YT=Indian/Mayotte",
            "ZA=Africa/Johannesburg",
            "ZM=Africa/Lusaka",
            "ZW=Africa/Harare",
        ]
    )
)

_STATE_ZONES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "US": {
            "America/New_York": "CT DC DE FL GA IN KY MA MD ME MI NC NH NJ NY OH PA RI SC VA VT WV",
            "America/Chicago": "AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI",
            "America/Denver": "CO ID MT NM UT WY",
            "America/Phoenix": "AZ",
            "America/Los_Angeles": "CA NV OR WA",
            "America/Anchorage": "AK",
            "Pacific/Honolulu": "HI",
            "America/Puerto_Rico": "PR VI",
            "Pacific/Guam": "GU MP",
            "Pacific/Pago_Pago": "AS",
        },
        "CA": {
            "America/Toronto": "ON QC",
            "America/Halifax": "NB NS PE",
            "America/St_Johns": "NL",
            "America/Winnipeg": "MB",
            "America/Regina": "SK",
            "America/Edmonton": "AB NT",
            "America/Vancouver": "BC",
            "America/Whitehorse": "YT",
            "America/Iqaluit": "NU",
        },
        "AU": {
            "Australia/Sydney": "NSW ACT",
            "Australia/Melbourne": "VIC",
            "Australia/Brisbane": "QLD",
            "Australia/Adelaide": "SA",
            "Australia/Darwin": "NT",
            "Australia/Perth": "WA",
            "Australia/Hobart": "TAS",
        },
        "BR": {
            "America/Sao_Paulo": "DF ES GO MG PR RJ RS SC SP",
            "America/Bahia": "BA",
            "America/Fortaleza": "CE MA PB PI RN",
            "America/Recife": "PE",
            "America/Maceio": "AL SE",
            "America/Belem": "AP PA",
            "America/Araguaina": "TO",
            "America/Cuiaba": "MT",
            "America/Campo_Grande": "MS",
            "America/Manaus": "AM",
            "America/Porto_Velho": "RO",
            "America/Boa_Vista": "RR",
            "America/Rio_Branco": "AC",
        },
    }
)

_STATES: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        (country, state): zone
        for country, zones in _STATE_ZONES.items()
        for zone, states in zones.items()
        for state in states.split()
    }
)

_STATE_NAMES: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("US", name.strip().lower()): code.strip()
        for code, name in (
            pair.split("=")
            for pair in [
                "AL=Alabama",
                " AK=Alaska",
                " AZ=Arizona",
                " AR=Arkansas",
                " CA=California",
                "\n            CO=Colorado",
                " CT=Connecticut",
                " DE=Delaware",
                " DC=District of Columbia",
                " FL=Florida",
                "\n            GA=Georgia",
                " HI=Hawaii",
                " ID=Idaho",
                " IL=Illinois",
                " IN=Indiana",
                " IA=Iowa",
                " KS=Kansas",
                "\n            KY=Kentucky",
                " LA=Louisiana",
                " ME=Maine",
                " MD=Maryland",
                " MA=Massachusetts",
                " MI=Michigan",
                "\n            MN=Minnesota",
                " MS=Mississippi",
                " MO=Missouri",
                " MT=Montana",
                " NE=Nebraska",
                " NV=Nevada",
                "\n            NH=New Hampshire",
                " NJ=New Jersey",
                " NM=New Mexico",
                " NY=New York",
                " NC=North Carolina",
                "\n            ND=North Dakota",
                " OH=Ohio",
                " OK=Oklahoma",
                " OR=Oregon",
                " PA=Pennsylvania",
                " PR=Puerto Rico",
                "\n            RI=Rhode Island",
                " SC=South Carolina",
                " SD=South Dakota",
                " TN=Tennessee",
                " TX=Texas",
                " UT=Utah",
                "\n            VT=Vermont",
                " VA=Virginia",
                " WA=Washington",
                " WV=West Virginia",
                " WI=Wisconsin",
                "\n            WY=Wyoming",
            ]
        )
    }
    | {
        ("CA", "ontario"): "ON",
        ("CA", "quebec"): "QC",
        ("CA", "québec"): "QC",
        ("CA", "alberta"): "AB",
        ("CA", "british columbia"): "BC",
        ("CA", "manitoba"): "MB",
        ("CA", "saskatchewan"): "SK",
        ("CA", "nova scotia"): "NS",
        ("CA", "new brunswick"): "NB",
        ("CA", "newfoundland and labrador"): "NL",
        ("AU", "new south wales"): "NSW",
        ("AU", "victoria"): "VIC",
        ("AU", "queensland"): "QLD",
        ("AU", "south australia"): "SA",
        ("AU", "western australia"): "WA",
        ("AU", "tasmania"): "TAS",
        ("AU", "northern territory"): "NT",
    }
)


def guess_zone(
    *, country: str, state: str = "", card_country: str = "", merchant_zone: str
) -> ZoneGuess:
    """Return the most likely time zone of a customer, and what it was guessed from.

    Countries are ISO 3166 alpha-2; a state is its code or, for larger ones, its English name.
    """
    if zone := _zone_in(country, state):
        return ZoneGuess(zone, BILLING)
    if zone := _zone_in(card_country, ""):
        return ZoneGuess(zone, CARD)
    return ZoneGuess(merchant_zone, MERCHANT)


def _zone_in(country: str, state: str) -> str:
    land = country.strip().upper()
    if land not in _COUNTRIES:
        return ""
    name = state.strip()
    code = _STATE_NAMES.get((land, name.lower()), name.upper())
    return _STATES.get((land, code)) or _COUNTRIES[land]
