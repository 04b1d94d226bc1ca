"""A visitor of a real server without a browser: Streamlit's messages over its WebSocket, uploads over HTTP."""

from __future__ import annotations

import http.client
import re
import socket
import time
import uuid
from urllib.parse import urlsplit

from google.protobuf.message import Message
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import UploadedFileInfo
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

# Generous, because a busy machine is slow.
PATIENCE_S = 120.0
DEADLINE = "Deadline, times alone (SLO scale)"
_HEADLINE = re.compile(r'class="verdict"[^>]*>(.*?)</p>', re.DOTALL)


def answer(address, path, method="GET", body=None, **headers):
    """Status, headers and body of what a server answers; the path goes out as it is, and `Host` may be any."""
    place = urlsplit(address)
    link = http.client.HTTPConnection(place.hostname, place.port, timeout=PATIENCE_S)
    try:
        link.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            link.putheader(name.replace("_", "-"), value)
        if body is not None and "Transfer_Encoding" not in headers:
            link.putheader("Content-Length", str(len(body)))
        link.endheaders()
        try:
            if body:
                link.send(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # Refused before all was sent.
        said = link.getresponse()
        return said.status, dict(said.getheaders()), said.read()
    finally:
        link.close()


def texts_of(message: Message):
    """Every text in a message, and in those within."""
    for field, value in message.ListFields():
        for one in value if field.is_repeated and not isinstance(value, (str, bytes)) else (value,):
            if isinstance(one, str):
                yield one
            elif isinstance(one, Message):
                yield from texts_of(one)


class Visitor:
    """One tab.

    Attributes:
        elements: what the page has drawn, in order. query: of the address as it stands.
        session: Streamlit's id of the tab. headline: of the verdict.
    """

    def __init__(self, address: str, query: str = "", page: str = "", host: str | None = None, **options) -> None:
        self.address, self.query, self.page, self.session, self.headline = address, query, page, "", ""
        self.elements, self._drawing, self._is_running, self._script = [], [], False, ""
        self._widgets, self._repeats = {}, {}
        place = urlsplit(address)
        self._connected = connect(
            f"ws://{host or place.netloc}/_stcore/stream", max_size=None,
            sock=socket.create_connection((place.hostname, place.port)),
            **{"origin": address, "subprotocols": ["streamlit"]} | options,
        )  # fmt: skip
        self.socket = self._connected.__enter__()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """Close the tab."""
        self._connected.__exit__(None, None, None)

    def ask(self, fragment: str = "") -> None:
        """Have the page, or a fragment of it, drawn as the controls stand."""
        state = ClientState(query_string=self.query, fragment_id=fragment, is_auto_rerun=bool(fragment))
        if self._script:
            state.page_script_hash = self._script
        else:
            state.page_name = self.page
        for name, (kind, value) in self._widgets.items():
            widget = state.widget_states.widgets.add(id=name)
            if kind == "double_array_value":
                widget.double_array_value.data.append(value)
            elif kind == "file_uploader_state_value":
                widget.file_uploader_state_value.uploaded_file_info.extend(value)
            else:
                setattr(widget, kind, value)
        self._widgets = {name: row for name, row in self._widgets.items() if row[0] != "trigger_value"}
        self.socket.send(BackMsg(rerun_script=state).SerializeToString())
        self._is_running = True

    def open(self, page: str = ""):
        """Go to a page, and wait until it is drawn."""
        self.page, self._script = page, ""
        self._widgets.clear()
        self.ask()
        return self.settle()

    def settle(self):
        """Read until the page is drawn; gives the visitor."""
        self.until(lambda: not self._is_running)
        return self

    def until(self, is_so, patience_s: float = PATIENCE_S):
        """Read, and redraw what draws itself anew, until something is so; raises TimeoutError."""
        until_s = time.monotonic() + patience_s
        while not is_so():
            if time.monotonic() > until_s:
                raise TimeoutError("the page did not come to say it")
            try:
                self._take(self.socket.recv(timeout=0.05))
            except TimeoutError:
                self._redraw()

    def find(self, kind: str, label: str):
        """A control of the page as drawn; None where there is none."""
        drawn = (getattr(e, kind) for e in self.elements if e.WhichOneof("type") == kind)
        return next((control for control in drawn if control.label == label), None)

    def drawn(self, kind: str, label: str):
        """A control of the page, once it is there: a run that was interrupted by the next one leaves nothing."""
        self.until(lambda: self.find(kind, label))
        return self.find(kind, label)

    def set(self, kind: str, label: str, field: str, value) -> None:
        """Move a control and wait until the page is drawn again."""
        self._widgets[self.drawn(kind, label).id] = field, value
        self.ask()
        self.settle()

    def move_deadline(self, value: float) -> None:
        """Change the scenario: another deadline."""
        self.set("slider", DEADLINE, "double_array_value", value)

    def deadline(self) -> float:
        """Where the slider stands."""
        slider = self.drawn("slider", DEADLINE)
        return (slider.value or slider.default)[0]

    def click(self, label: str) -> None:
        self.set("button", label, "trigger_value", True)

    def type(self, kind: str, label: str, text: str) -> None:
        """Write into a field; the next click sends it."""
        self._widgets[self.find(kind, label).id] = "string_value", text

    def choose(self, label: str, name: str, content: bytes) -> None:
        """Give an uploader of the page one file, and wait until the page has read it."""
        file = uuid.uuid4().hex
        status, said = self.upload(file, content, name)
        assert status == 204, said
        chosen = UploadedFileInfo(file_id=file, name=name, size=len(content))
        self.set("file_uploader", label, "file_uploader_state_value", [chosen])

    def alerts(self) -> list[str]:
        """The sentences of the page about what is wrong."""
        return [e.alert.body for e in self.elements if e.WhichOneof("type") == "alert"]

    def exceptions(self) -> list[str]:
        """What failed without a sentence."""
        return [e.exception.message for e in self.elements if e.WhichOneof("type") == "exception"]

    def said(self) -> str:
        """All text of the page as drawn."""
        return "\n".join(text for element in self.elements for text in texts_of(element))

    @property
    def workspace(self) -> str | None:
        """The address that writes, as the page's address says it."""
        found = re.search(r"(?:^|&)w=([\w-]{32})", self.query)
        return found[1] if found else None

    def upload(self, file: str, content: bytes, name: str = "trace.csv", **headers) -> tuple[int, str]:
        """Send a file as the page's uploader does; gives status and text of the answer."""
        path, body, own = self.upload_request(file, content, name)
        status, _, text = answer(self.address, path, "PUT", body, **own | headers)
        return status, text.decode(errors="replace")

    def upload_request(self, file: str, content: bytes, name: str = "trace.csv") -> tuple[str, bytes, dict[str, str]]:
        """Path, body and headers with which the page's uploader sends a file."""
        _, said, _ = answer(self.address, "/_stcore/health")
        token, line = re.search(r"_streamlit_xsrf=([^;]+)", said["set-cookie"])[1], "line-between-the-parts"
        head = f'--{line}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        headers = {
            "X_Xsrftoken": token,
            "Cookie": f"_streamlit_xsrf={token}",
            "Origin": self.address,
            "Content_Type": f"multipart/form-data; boundary={line}",
        }
        body = b"".join((head, content, f"\r\n--{line}--\r\n".encode()))
        return f"/_stcore/upload_file/{self.session}/{file}", body, headers

    def is_alive(self) -> bool:
        """Whether the server still talks to this tab."""
        try:
            self.socket.ping().wait(PATIENCE_S)
        except ConnectionClosed:
            return False
        return True

    def _take(self, data) -> None:
        message = ForwardMsg()
        message.ParseFromString(data)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._is_running = True
            if not message.metadata.run.fragment_ids:
                self._script = message.new_session.page_script_hash
                self.session = self.session or message.new_session.initialize.session_id
                self._drawing, self._repeats = [], {}
        elif kind == "navigation":
            # Which page it is, is known once the script has said which pages there are.
            self._script = message.navigation.page_script_hash
        elif kind == "script_finished":
            self._is_running, self.elements = False, list(self._drawing)
            # As a browser does: what is no longer drawn is not sent again.
            drawn = {getattr(getattr(e, e.WhichOneof("type")), "id", "") for e in self.elements}
            self._widgets = {name: row for name, row in self._widgets.items() if name in drawn}
        elif kind == "auto_rerun":
            self._repeats[message.auto_rerun.fragment_id] = [message.auto_rerun.interval, time.monotonic()]
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            self._drawing.append(element)
            if element.HasField("html") and (found := _HEADLINE.search(element.html.body)):
                self.headline = found[1]

    def _redraw(self) -> None:
        for fragment, row in self._repeats.items():
            if not self._is_running and time.monotonic() - row[1] > row[0]:
                row[1] = time.monotonic()
                self.ask(fragment)
