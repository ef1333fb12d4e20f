"""Requests that a redirect cannot lead from https to a connection without encryption."""

import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPMessage
from typing import IO


class KeepHttps(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but from https to https only."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request for the new address.

        Raises:
            URLError: it is not encrypted, and the old one was.
        """
        if req.type == "https" and urllib.parse.urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError("it redirects from https to an address without encryption")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
