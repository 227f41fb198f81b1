"""Users and their ways in: registration, login, logout, sign-in links, and watch tokens for who has no account."""

from tasks.accounts.attempts import forgive_blocking, refused_for_blocking
from tasks.accounts.links import create_sign_in_link, demo_link, user_of_sign_in_link
from tasks.accounts.signing_in import AuthAnswer, Credential, login, logout, register
from tasks.accounts.uses import TokenUses
from tasks.accounts.watching import WATCH_PREFIX, WatchGrant, WatchTokenAnswer, create_watch_token, holds, read_grant

__all__ = [
    "WATCH_PREFIX",
    "AuthAnswer",
    "Credential",
    "TokenUses",
    "WatchGrant",
    "WatchTokenAnswer",
    "create_sign_in_link",
    "create_watch_token",
    "demo_link",
    "forgive_blocking",
    "holds",
    "login",
    "logout",
    "read_grant",
    "refused_for_blocking",
    "register",
    "user_of_sign_in_link",
]
