"""How the sandbox interprets a code for a phone number."""

import re
import time

#: The number of every code that names no other number.
DEFAULT_NUMBER = "13800000000"

#: Code → errcode: a code that was used or is too old, and a code of another AppID.
ERRCODES = {"phone-used": 40029, "phone-foreign": 40013}

_HERE = re.compile(r"phone-(?:\+86)?([0-9]{1,15})")
# The country codes of ITU E.164: those that are not listed have three digits.
_ABROAD = re.compile(
    r"phone-\+(1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[124]|9[0-58]|[0-9]{3})([0-9]{1,12})"
)


def phone_info(code: str, appid: str) -> dict[str, object]:
    """Return what getuserphonenumber tells about the number of a code.

    As at WeChat, countryCode is a string, and phoneNumber begins with it if the number is abroad.
    """
    number, country, pure = _number(code)
    return {
        "phoneNumber": number,
        "purePhoneNumber": pure,
        "countryCode": country,
        "watermark": {"timestamp": int(time.time()), "appid": appid},
    }


def _number(code: str) -> tuple[str, str, str]:
    if found := _HERE.fullmatch(code):
        return found[1], "86", found[1]
    if found := _ABROAD.fullmatch(code):
        return f"+{found[1]}{found[2]}", found[1], found[2]
    return DEFAULT_NUMBER, "86", DEFAULT_NUMBER
