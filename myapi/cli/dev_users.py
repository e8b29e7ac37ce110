"""The users of `flask dev seed`: invented, and the same each time."""

from typing import NamedTuple

from myapi.auth.login import Device

#: Sandbox name → nickname; None has not chosen one.
NICKNAMES = {
    "xiaoming": "小明",
    "xiaohong": "小红",
    "wangwei": "王伟",
    "lina": "李娜",
    "zhangmin": "张敏",
    "liuyang": "刘洋",
    "chenjing": "陈静",
    "yangfan": "扬帆起航",
    "zhaolei": "赵磊",
    "huangting": "黄婷",
    "zhoujie": "周杰",
    "wuxia": "吴霞",
    "xuhui": "徐辉",
    "sunli": "孙丽",
    "mahong": "马宏",
    "zhuqiang": "朱强",
    "hulan": "胡兰",
    "guotao": "郭涛",
    "hexin": "何欣",
    "gaoyuan": "高原上的云",
    "linlin": "林林🌲",
    "luoyi": "罗毅",
    "liangchen": "良辰美景",
    "songyu": "宋雨",
    "tangbo": "唐博",
    "hanxue": "寒雪",
    "fengzheng": "风筝🪁",
    "dengwei": "邓伟",
    "caocao": "曹操",
    "pengpeng": "蓬蓬",
    "zengli": "曾莉",
    "xiaofei": "肖飞",
    "tianye": "田野",
    "dongmei": "冬梅",
    "panda": "爱吃竹子的熊猫🐼",
    "yuanyuan": "圆圆",
    "guest-1": None,
    "guest-2": None,
}
PHONES = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) MicroMessenger/8.0.60",
    "Mozilla/5.0 (Linux; Android 15; PGT-AN10) MicroMessenger/8.0.58",
    "Mozilla/5.0 (Linux; Android 14; 23127PN0CC) MicroMessenger/8.0.56",
    "Mozilla/5.0 (Windows NT 10.0) MicroMessenger/7.0.20 WindowsWechat",
)


class SeedUser(NamedTuple):
    """One session for each of `devices`; `logged_out` ends them, and so does a ban."""

    name: str
    nickname: str | None
    devices: tuple[Device, ...]
    logged_out: bool
    banned: bool


def _user(number: int, name: str, nickname: str | None) -> SeedUser:
    devices = tuple(
        Device(f"203.0.113.{number + 1}", PHONES[(number + each) % len(PHONES)])
        for each in range(1 + number % 3)
    )
    return SeedUser(name, nickname, devices, logged_out=number % 9 == 4, banned=number % 12 == 7)


USERS = [_user(number, *each) for number, each in enumerate(NICKNAMES.items())]
