"""What a phone shows when the API cannot be used, in WeChat's own words.

Every check names one or more of these; `--explain` goes from a wording to the checks.
miniprogram/myapi/causes.js has the same names and texts, and tests compare them.

    symptom         how a symptom is declared
    wechat_codes    WeChat's errcodes, in the server's log
    api_errors      the API's own errors
    names           the client's own errors, and names in the log
    answers         HTTP answers of a proxy, or of something else
    phone           no answer: the phone's errno and the number inside it
    certificates    no answer: TLS and certificates
    complaints      words without a code
"""

from doctor.symptoms.answers import ANSWERS
from doctor.symptoms.api_errors import API_ERRORS
from doctor.symptoms.certificates import CERTIFICATES
from doctor.symptoms.complaints import COMPLAINTS
from doctor.symptoms.names import NAMES
from doctor.symptoms.phone import PHONE
from doctor.symptoms.symptom import Symptom
from doctor.symptoms.wechat_codes import WECHAT_CODES

#: The specific before the general: the first one whose wording is found explains a text.
SYMPTOMS: dict[str, Symptom] = {
    **WECHAT_CODES,
    **API_ERRORS,
    **NAMES,
    **ANSWERS,
    **CERTIFICATES,
    **PHONE,
    **COMPLAINTS,
}

__all__ = ["SYMPTOMS", "Symptom"]
