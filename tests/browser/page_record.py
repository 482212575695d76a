"""What a page under test has done."""

from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Error, Request


@dataclass
class Record:
    """What a page has asked for and complained about."""

    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def note_request(self, request: Request) -> None:
        """The page asks for something."""
        self.requests.append(request)

    def note_error(self, error: Error) -> None:
        """A script ended with an exception."""
        self.complaints.append(str(error))

    def note_message(self, message: ConsoleMessage) -> None:
        """Something was written to the console."""
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def of_kind(self, kind: str) -> list[str]:
        """Addresses of the requests of one resource type, such as `eventsource`."""
        return [request.url for request in self.requests if request.resource_type == kind]

    def elsewhere(self, home: str) -> list[str]:
        """Addresses that are neither the server's nor the page's own memory."""
        home = home.rstrip("/")
        own = (f"{home}/", f"blob:{home}/")
        return [request.url for request in self.requests if not request.url.startswith(own)]
