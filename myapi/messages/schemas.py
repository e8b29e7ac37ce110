"""Request and response schemas of subscribe messages."""

from typing import Annotated

from msgspec import Meta, Struct

from myapi.messages.ledger import Left
from myapi.messages.rules import TEMPLATE_ID

TemplateId = Annotated[
    str,
    Meta(examples=["sandbox-template"], description="The id of a template, from WeChat's console."),
]


class PermissionsRequest(Struct):
    """What `wx.requestSubscribeMessage` returned, without its errMsg."""

    id: Annotated[
        str,
        Meta(
            min_length=8,
            max_length=64,
            pattern=r"^[A-Za-z0-9_-]*$(?!\n)",
            extra={"format": "ascii_id"},
            description="Random, another one for each dialog: the same one counts once.",
            examples=["9f86d081884c7d65"],
        ),
    ]
    results: Annotated[
        dict[
            Annotated[str, Meta(pattern=rf"^{TEMPLATE_ID}$(?!\n)")],
            Annotated[str, Meta(max_length=64)],
        ],
        Meta(
            max_length=20,
            description="Template id → what the user answered. Empty: nothing is counted.",
            examples=[{"sandbox-template": "accept"}],
        ),
    ]


class PermissionOut(Struct):
    template_id: TemplateId
    left: Annotated[
        int, Meta(description="How many messages of this template you permit.", examples=[1])
    ]


class PermissionsOut(Struct):
    permissions: list[PermissionOut]

    @classmethod
    def of(cls, permissions: list[Left]) -> "PermissionsOut":
        return cls([PermissionOut(each.template_id, each.left) for each in permissions])
