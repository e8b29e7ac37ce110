"""What the events of the audit are called on pages; others are shown by their names."""

TEXTS = {
    "ban": "Banned",
    "unban": "Ban lifted",
    "unban_erased": "Ban of an erased account lifted",
    "erase": "Account erased",
    "export": "Data exported",
    "phone_shown": "Phone number shown",
    "phone_removed": "Phone number deleted",
    "avatar_removed": "Picture deleted",
    "revoke": "Device signed out",
    "revoke_of_user": "All devices signed out",
    "revoke_all": "All devices of all users signed out",
    "event_retried": "Event handled again",
    "key_rotation": "Step of a key rotation",
    "reencrypt": "Stored secrets encrypted anew",
    "restore": "Database restored",
    "console_link": "Link into the console made",
    "console_opened": "Console opened",
    "console_closed": "Signed out of the console",
    "console_revoked": "Operator ended",
}
