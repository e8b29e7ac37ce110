"""What a page says after a form. The address names it, so it is one of these and no other text."""

NOTICES = {
    "ban": "The user is banned, and all devices are signed out.",
    "unban": "The ban is lifted.",
    "unchanged": "Nothing was to be done.",
    "erase": "The account is erased.",
    "end": "The device is signed out.",
    "retry": "The event is being handled again.",
}
