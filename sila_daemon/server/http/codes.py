"""The codes of refusals over HTTP: the status that each is sent with, and what it means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A stable code."""

    status: int
    meaning: str


CODES = {
    "usage": Code(400, "the request cannot mean anything"),
    "bad_json": Code(400, "the body is not a JSON object"),
    "bad_format": Code(400, "the body is not what the route takes"),
    "bad_header": Code(400, "a header is missing, or cannot be read"),
    "bad_query": Code(400, "a query parameter cannot be read"),
    "bad_id": Code(400, "an id is not one of those that can exist"),
    "bad_name": Code(400, "a name has 1 to 80 characters"),
    "bad_email": Code(400, "this is not an e-mail address"),
    "bad_role": Code(400, "a role is owner, editor or viewer"),
    "bad_expiry": Code(400, "an invite expires in the future, in at most 90 days"),
    "bad_form": Code(400, "this is not a form of the page"),
    "weak_password": Code(400, "the password is too short, too long or too common"),
    "incomplete": Code(400, "the body was cut off"),
    "too_long": Code(400, "more bytes came than were announced"),
    "authorization_pending": Code(400, "nobody has decided about the device yet"),
    "slow_down": Code(400, "asked too soon; wait five seconds longer each time"),
    "access_denied": Code(400, "somebody refused to let the device in"),
    "expired_token": Code(400, "a device code or a form is too old, or never was"),
    "unauthorized": Code(401, "there is no token, or none that can be read"),
    "bad_token": Code(401, "the token is none of this server's"),
    "auth_expired": Code(401, "the token has expired: refresh it, or sign in again"),
    "revoked": Code(401, "the session has ended: sign in again"),
    "bad_login": Code(401, "wrong address or password"),
    "wrong_password": Code(403, "the old password is wrong"),
    "not_permitted": Code(403, "the role does not suffice, or the form is of another page"),
    "sign_up_closed": Code(403, "accounts are made by whoever runs the server"),
    "not_found": Code(404, "there is none, or it is not yours to know of"),
    "bad_invite": Code(404, "the invite has expired, was used or withdrawn, or never was"),
    "bad_code": Code(404, "no device shows this code, or not any more"),
    "blob_missing": Code(404, "there is no such file"),
    "upload_missing": Code(404, "there is no such upload, or not any more"),
    "no_direct_access": Code(404, "the files of this server are had from itself alone"),
    "space_missing": Code(404, "the data of the space is not on the disk"),
    "method_not_allowed": Code(405, "the path has other methods; `Allow` names them"),
    "taken": Code(409, "the id or the address is in use"),
    "last_owner": Code(409, "a space keeps an owner: name another one first"),
    "too_many": Code(409, "there are as many members or invites as there may be"),
    "not_active": Code(409, "the account is disabled or deleted"),
    "offset_mismatch": Code(409, "the upload is at another place, which `offset` tells"),
    "changed": Code(412, "somebody was faster: read again"),
    "too_large": Code(413, "there are more bytes or items than are taken"),
    "unsupported_media_type": Code(415, "the body has another type than the route takes"),
    "corrupt_blob": Code(422, "the bytes do not have the hash that names them"),
    "secrets_undecryptable": Code(422, "the secrets are not sealed with the key of this space"),
    "secrets_bad_shape": Code(422, "the secrets are sealed, but are not names and values"),
    "precondition_required": Code(428, "`If-Match` or `If-None-Match` is missing"),
    "rate_limited": Code(429, "wait for as long as `Retry-After` says"),
    "internal": Code(500, "a fault of the server, which is in its log"),
    "not_ready": Code(503, "the server cannot reach its data"),
    "shutting_down": Code(503, "the server is stopping"),
    "space_busy": Code(503, "the space is being opened or closed: try again"),
    "storage": Code(503, "the disk refused: try again"),
    "quota": Code(507, "the user or the space may hold no more"),
    "storage_full": Code(507, "the disk is full"),
}
"""Every code that a route may answer with; whatever is raised with one gets its status."""
