"""The page on which a person lets a device in: plain HTML, no scripts, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.server.accounts.device_codes import AskingDevice

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}"
    "label,input,button{display:block;width:100%;box-sizing:border-box}"
    "input,button{font:inherit;padding:.5rem;margin:.2rem 0 1rem}"
    "[role=alert]{border-left:.3rem solid #b00;padding-left:.7rem}dt{font-weight:bold}"
    "dd{margin:0 0 .7rem;overflow-wrap:anywhere}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self';"
        " frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": browsers then send "Origin: null" with the page's own forms.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def sign_in_page(form_token: str, user_code: str = "", email: str = "", problem: str = "") -> str:
    """Asks for the code and for who decides."""
    return _page(
        "Sign in a device",
        f"""{_alert(problem)}
<p>Enter the code that the device shows, and your account on this server.</p>
<form method="post" action="/device">
<input type="hidden" name="form" value="{escape(form_token)}">
<label for="code">Code</label>
<input id="code" name="user_code" value="{escape(user_code)}" autocomplete="off"
 autocapitalize="characters" spellcheck="false" maxlength="20" required>
<label for="email">E-mail address</label>
<input id="email" name="email" type="email" value="{escape(email)}" autocomplete="username"
 maxlength="300" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password"
 maxlength="1024" required>
<button type="submit">Continue</button>
</form>""",
    )


def decision_page(form_token: str, ticket: str, device: AskingDevice, email: str) -> str:
    """Shows which device asks, and asks back."""
    return _page(
        "Let this device in?",
        f"""<p>This device asks to be signed in as <strong>{escape(email)}</strong>. It will read
and change everything that you can.</p>
<dl><dt>Name</dt><dd>{escape(device.name) or "(none)"}</dd>
<dt>System</dt><dd>{escape(device.platform) or "(unknown)"}</dd>
<dt>Asks from</dt><dd>{escape(device.address) or "(unknown)"}</dd>
<dt>Code</dt><dd>{escape(device.user_code)}</dd></dl>
<p>Go on only if you began this yourself, just now. Refuse if somebody sent you the code.</p>
<form method="post" action="/device/decision">
<input type="hidden" name="form" value="{escape(form_token)}">
<input type="hidden" name="ticket" value="{escape(ticket)}">
<button type="submit" name="decision" value="allow">Let it in</button>
<button type="submit" name="decision" value="refuse">Refuse</button>
</form>""",
    )


def result_page(text: str, problem: str = "") -> str:
    """Says how it ended."""
    return _page("Sign in a device", f"{_alert(problem)}<p>{escape(text)}</p>")


def _alert(problem: str) -> str:
    return f'<p role="alert">{escape(problem)}</p>' if problem else ""


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)} - Sila</title>
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<style>{_STYLE}</style></head>
<body><h1>{escape(title)}</h1>
{body}
</body></html>
"""
