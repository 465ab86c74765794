"""Notes of a function in a process, when a signal handler of the function gives notes too."""

import threading

from conductor import Task
from conductor._notes import Notes
from conductor.calling.process_notes import NotesSender
from conductor.task_result import SetOutput, log_entry


class Pipe:
    """While it sends the first message, a signal handler interrupts the thread."""

    def __init__(self):
        self.sent = []
        self.handler = None

    def send_bytes(self, message):
        self.sent.append(message[:1] + b"(")
        handler, self.handler = self.handler, None
        if handler is not None:
            handler()
        self.sent.append(b")")


def test_notes_of_a_signal_handler_are_sent_after_the_message_that_it_interrupts():
    pipe = Pipe()
    notes = Notes(Task("t1", "w1"), NotesSender(pipe))

    def handler():
        notes.add([log_entry("t1", "of the handler")])
        notes.set_output(SetOutput({"of": "the handler"}, 20))

    pipe.handler = handler
    thread = threading.Thread(target=notes.add, args=([log_entry("t1", "of the function")],), daemon=True)
    thread.start()
    thread.join(5)
    assert pipe.sent == [b"l(", b")", b"o(", b")", b"l(", b")"]
