"""A headless Chromium that tests drive: by the DevTools protocol on a pipe, so without a port and without a library."""

import base64
import itertools
import json
import os
import queue
import shutil
import subprocess
import threading
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OFFLINE = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
OFFLINE += ["--disable-background-networking", "--disable-component-update", "--hide-scrollbars"]
WITHIN = 30  # seconds: the machine may be busy
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}
_UNTIL = """new Promise((resolve) => {
  const look = () => {
    let found = false;
    try { found = (EXPRESSION); } catch { found = false; }
    if (found) resolve(found); else setTimeout(look, 20);
  };
  look();
})"""


class Browser:
    """A browser with a profile of its own in a folder. A context manager."""

    def __init__(self, folder):
        for_browser, self._to_browser = os.pipe()
        self._from_browser, for_us = os.pipe()
        redirected = f'exec "$0" "$@" 3<&{for_browser} 4>&{for_us}'  # the numbers that Chromium expects
        options = [*OFFLINE, "--remote-debugging-pipe", f"--user-data-dir={folder}"]
        self._process = subprocess.Popen(
            ["/usr/bin/env", "bash", "-c", redirected, str(CHROMIUM), *options, "about:blank"],
            pass_fds=(for_browser, for_us),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(for_browser)
        os.close(for_us)
        self._numbers = itertools.count(1)
        self._answers = {}
        self.events = []  # (session, name, parameters)
        self._reader = threading.Thread(target=self._read, name="chromium-pipe", daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._reader.join()
        os.close(self._to_browser)

    def open(self, url, **size):
        """A new page."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, session)
        page.resize(**size)
        page.go(url)
        return page

    def call(self, method, parameters=None, session=None):
        number = next(self._numbers)
        answer = self._answers[number] = queue.SimpleQueue()
        message = {"id": number, "method": method, "params": parameters or {}}
        if session:
            message["sessionId"] = session
        os.write(self._to_browser, json.dumps(message).encode() + b"\0")
        found = answer.get(timeout=WITHIN)
        assert "error" not in found, (method, found["error"])
        return found["result"]

    def _read(self):
        with os.fdopen(self._from_browser, "rb", buffering=0) as pipe:
            buffer = b""
            while part := pipe.read(1 << 16):
                *messages, buffer = (buffer + part).split(b"\0")
                for message in map(json.loads, messages):
                    if "id" in message:
                        self._answers.pop(message["id"]).put(message)
                    else:
                        self.events.append((message.get("sessionId"), message["method"], message["params"]))


class Page:
    """A tab. Scripts are JavaScript expressions."""

    def __init__(self, browser, session):
        self._browser = browser
        self._session = session
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        return self._browser.call(method, parameters, self._session)

    def go(self, url):
        self.call("Page.navigate", url=url)
        self.until("location.href !== 'about:blank' && document.readyState === 'complete'")

    def resize(self, width=1280, height=900, *, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def evaluate(self, script):
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, script):
        """Wait until the expression is true, and return its value. An error of it counts as false."""
        try:
            return self.evaluate(_UNTIL.replace("EXPRESSION", script))
        except queue.Empty:
            raise AssertionError(f"never true: {script}\n{self.text()}") from None

    def text(self):
        return self.evaluate("document.body.innerText")

    def texts(self, selector, count):
        """The texts of elements, each on one line, as soon as there are as many of them."""
        lines = "e.innerText.trim().split(/\\s*\\n\\s*/).join(' ')"
        found = f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => {lines})"
        return self.until(f"{found}.length === {count} && {found}")

    def assert_shows(self, text):
        """The page shows the text, at once or after a while."""
        self.until(f"document.body.innerText.includes({json.dumps(text)})")

    def assert_hides(self, text):
        self.until(f"!document.body.innerText.includes({json.dumps(text)})")

    def click(self, selector):
        """Click with the mouse in the middle of an element."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.until(f"{element} && {element}.getBoundingClientRect().width > 0")
        middle = f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({element}.getBoundingClientRect())"
        x, y = self.evaluate(f"{element}.scrollIntoView({{block: 'center'}}), {middle}")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def press(self, key):
        code = {"windowsVirtualKeyCode": KEYS[key], "key": key, "code": "Space" if key == " " else key}
        text = {"Enter": {"text": "\r"}, " ": {"text": " "}}.get(key, {})
        self.call("Input.dispatchKeyEvent", type="keyDown", **code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **code)

    def outline(self):
        """What a screen reader finds: (role, name) of each element, in order."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        seen = [node for node in nodes if not node["ignored"]]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in seen]

    def low_contrasts(self):
        """Texts whose contrast is below 4.5, which WCAG asks for."""
        script = """(() => {
          const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
          const parse = (text) => { const n = numbers(text); return n.length < 4 ? [...n, 1] : n; };
          const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
            .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
          const below = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
            if (c[3] > 0) return c; } return [255, 255, 255, 1]; };
          const found = [];
          for (const e of document.querySelectorAll('body *')) {
            const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
            if (!own || !e.offsetParent) continue;
            const style = getComputedStyle(e);
            const [one, other] = [light(parse(style.color)), light(below(e))].sort((a, b) => b - a);
            if ((one + 0.05) / (other + 0.05) < 4.5) found.push([e.className, e.innerText, style.color]);
          }
          return found;
        })()"""
        return self.evaluate(script)

    def screenshot(self, file):
        content = self.call("Page.captureScreenshot", format="png")["data"]
        Path(file).write_bytes(base64.b64decode(content))

    def requests(self):
        """The addresses that the page has asked for."""
        sent = self._events("Network.requestWillBeSent")
        return [each["request"]["url"] for each in sent]

    def received(self, part):
        """The bytes of the answers that have come from addresses with a text in them: all together, one by one."""
        urls = {each["requestId"]: each["request"]["url"] for each in self._events("Network.requestWillBeSent")}
        done = self._events("Network.loadingFinished")
        return [each["encodedDataLength"] for each in done if part in urls.get(each["requestId"], "")]

    def problems(self):
        """Errors of the page's scripts, and what its policy has refused."""
        thrown = [each["exceptionDetails"]["text"] for each in self._events("Runtime.exceptionThrown")]
        logged = [each["entry"]["text"] for each in self._events("Log.entryAdded") if each["entry"]["level"] == "error"]
        called = [each["args"] for each in self._events("Runtime.consoleAPICalled") if each["type"] == "error"]
        return thrown + logged + called

    def _events(self, name):
        wanted = (self._session, name)
        return [given for session, event, given in list(self._browser.events) if (session, event) == wanted]
