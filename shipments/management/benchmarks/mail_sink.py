"""A mail server for benchmarks: takes every mail, keeps only who was told what under which identity."""

import asyncio
import threading
from collections import Counter
from email import message_from_bytes
from email.policy import default

_LONGEST_MAIL = 4 * 1024 * 1024


class MailSink:
    """An SMTP server on a free port of this machine, in a thread of its own. Use it as a context."""

    def __init__(self) -> None:
        # (recipient, subject, Message-ID) → how often.
        self.taken: Counter[tuple[str, str, str]] = Counter()
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "MailSink":
        self._thread.start()
        self._is_up.wait(10)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def told_twice(self) -> int:
        """How often somebody was told the same by two different mails."""
        mails: dict[tuple[str, str], set[str]] = {}
        for to, subject, identity in self.taken:
            mails.setdefault((to, subject), set()).add(identity)
        return sum(len(identities) - 1 for identities in mails.values())

    @property
    def sent_again(self) -> int:
        """How often one and the same mail came once more: its sender was killed before it could note our yes."""
        return sum(times - 1 for times in self.taken.values())

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._talk, "127.0.0.1", 0, limit=_LONGEST_MAIL)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        self._loop.run_forever()
        server.close()
        talks = asyncio.all_tasks(self._loop)
        for talk in talks:
            talk.cancel()
        self._loop.run_until_complete(asyncio.gather(*talks, server.wait_closed(), return_exceptions=True))
        self._loop.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._dialogue(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            # Whoever was writing was killed.
            pass
        finally:
            writer.close()

    async def _dialogue(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink\r\n")
        to = ""
        while line := await reader.readline():
            match line.split(b":", 1)[0].strip().upper():
                case b"DATA":
                    writer.write(b"354 go on\r\n")
                    body = await reader.readuntil(b"\r\n.\r\n")
                    self._keep(to, body)
                    writer.write(b"250 kept\r\n")
                case b"RCPT TO":
                    to = line.split(b":", 1)[1].strip().strip(b"<>").decode()
                    writer.write(b"250 ok\r\n")
                case b"QUIT":
                    writer.write(b"221 bye\r\n")
                    return
                case _:
                    writer.write(b"250 ok\r\n")
            await writer.drain()

    def _keep(self, to: str, body: bytes) -> None:
        mail = message_from_bytes(body, policy=default)
        self.taken[to, str(mail["Subject"]), str(mail["Message-ID"])] += 1
