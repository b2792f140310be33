"""The languages that are known, and the tags that begin with one (RFC 5646)."""

import re
from collections.abc import Mapping
from typing import Final

_TABLE: Final = """
aa Afar; ab Abkhazian; ae Avestan; af Afrikaans; ak Akan; am Amharic; an Aragonese; ar Arabic;
as Assamese; av Avaric; ay Aymara; az Azerbaijani; ba Bashkir; be Belarusian; bg Bulgarian;
bi Bislama; bm Bambara; bn Bengali; bo Tibetan; br Breton; bs Bosnian; ca Catalan; ce Chechen;
ch Chamorro; co Corsican; cr Cree; cs Czech; cu Church Slavic; cv Chuvash; cy Welsh; da Danish;
de German; dv Divehi; dz Dzongkha; ee Ewe; el Greek; en English; eo Esperanto; es Spanish;
et Estonian; eu Basque; fa Persian; ff Fulah; fi Finnish; fj Fijian; fo Faroese; fr French;
fy Western Frisian; ga Irish; gd Scottish Gaelic; gl Galician; gn Guarani; gu Gujarati; gv Manx;
ha Hausa; he Hebrew; hi Hindi; ho Hiri Motu; hr Croatian; ht Haitian; hu Hungarian; hy Armenian;
hz Herero; ia Interlingua; id Indonesian; ie Interlingue; ig Igbo; ii Sichuan Yi; ik Inupiaq;
io Ido; is Icelandic; it Italian; iu Inuktitut; ja Japanese; jv Javanese; ka Georgian; kg Kongo;
ki Kikuyu; kj Kuanyama; kk Kazakh; kl Kalaallisut; km Central Khmer; kn Kannada; ko Korean;
kr Kanuri; ks Kashmiri; ku Kurdish; kv Komi; kw Cornish; ky Kirghiz; la Latin; lb Luxembourgish;
lg Ganda; li Limburgan; ln Lingala; lo Lao; lt Lithuanian; lu Luba-Katanga; lv Latvian;
mg Malagasy; mh Marshallese; mi Maori; mk Macedonian; ml Malayalam; mn Mongolian; mr Marathi;
ms Malay; mt Maltese; my Burmese; na Nauru; nb Norwegian Bokmål; nd North Ndebele; ne Nepali;
ng Ndonga; nl Dutch; nn Norwegian Nynorsk; no Norwegian; nr South Ndebele; nv Navajo;
ny Chichewa; oc Occitan; oj Ojibwa; om Oromo; or Oriya; os Ossetian; pa Punjabi; pi Pali;
pl Polish; ps Pashto; pt Portuguese; qu Quechua; rm Romansh; rn Rundi; ro Romanian; ru Russian;
rw Kinyarwanda; sa Sanskrit; sc Sardinian; sd Sindhi; se Northern Sami; sg Sango;
sh Serbo-Croatian; si Sinhala; sk Slovak; sl Slovenian; sm Samoan; sn Shona; so Somali;
sq Albanian; sr Serbian; ss Swati; st Southern Sotho; su Sundanese; sv Swedish; sw Swahili;
ta Tamil; te Telugu; tg Tajik; th Thai; ti Tigrinya; tk Turkmen; tl Tagalog; tn Tswana; to Tonga;
tr Turkish; ts Tsonga; tt Tatar; tw Twi; ty Tahitian; ug Uighur; uk Ukrainian; ur Urdu; uz Uzbek;
ve Venda; vi Vietnamese; vo Volapük; wa Walloon; wo Wolof; xh Xhosa; yi Yiddish; yo Yoruba;
za Zhuang; zh Chinese; zu Zulu
"""

# ISO 639-3, where ISO 639-1 has no code: what browsers and telephones can be set to.
_WITHOUT_TWO_LETTERS: Final = """
ace Acehnese; ast Asturian; bho Bhojpuri; brx Bodo; ceb Cebuano; chr Cherokee;
ckb Central Kurdish; doi Dogri; dsb Lower Sorbian; fil Filipino; fur Friulian;
gsw Swiss German; haw Hawaiian; hsb Upper Sorbian; kab Kabyle; kok Konkani; mai Maithili;
mni Manipuri; nds Low German; nqo N'Ko; nso Northern Sotho; pap Papiamento; prs Dari;
quc K'iche'; sah Yakut; sat Santali; scn Sicilian; smn Inari Sami; sms Skolt Sami; syr Syriac;
szl Silesian; tzm Central Atlas Tamazight; vec Venetian; yue Cantonese; zgh Moroccan Tamazight
"""


def _entries(table: str) -> dict[str, str]:
    entries = (entry.partition(" ") for entry in " ".join(table.split()).split("; "))
    return {code: name for code, _, name in entries}


LANGUAGES: Final[Mapping[str, str]] = _entries(_TABLE) | _entries(_WITHOUT_TWO_LETTERS)
"""ISO 639-1 code, else that of ISO 639-3 -> English name."""

# RFC 5646 section 2.1, without extensions and private use: language, script, region, variants.
_TAG: Final = re.compile(
    r"([a-z]{2,3})(-[a-z]{4})?(-(?:[a-z]{2}|[0-9]{3}))?(-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*",
    re.IGNORECASE | re.ASCII,  # without ASCII a Kelvin sign would pass for a k
)
_LONGEST_TAG: Final = 35  # RFC 5646 section 4.4.1


def is_language_tag(text: str) -> bool:
    """Return whether *text* is a language code, or a tag such as pt-BR or zh-Hans-CN."""
    if len(text) > _LONGEST_TAG:
        return False
    match = _TAG.fullmatch(text)
    return match is not None and match[1].lower() in LANGUAGES
