# SPDX-License-Identifier: MIT
"""Headless Chromium over its debugging pipe (DevTools protocol: JSON messages that end in a zero byte).

One tab. Calls are answered in order; events that come meanwhile are kept in `events`.
"""

import base64
import json
import os
import select
import subprocess
import tempfile
import time

from machine import Failure


class Chromium:
    """A browser with a fresh profile and no network; ended with the `with` block."""

    def __init__(self, limit=240):
        self.deadline = time.monotonic() + limit
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self.out = os.pipe()
        self.into, from_browser = os.pipe()
        arguments = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--no-first-run", "--hide-scrollbars", "--remote-debugging-pipe",
                     "--user-data-dir=" + self.profile.name, "--proxy-server=127.0.0.1:1", "about:blank"]
        # The browser reads its descriptor 3 and writes 4; a shell puts ours there.
        shell = 'r=$1 w=$2; shift 2; eval "exec 7<&$r 8>&$w"; exec "$@" 3<&7 4>&8 7<&- 8>&-'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "-", str(to_browser), str(from_browser)] + arguments,
            pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer, self.events, self.count, self.session = b"", [], 0, None

    def __enter__(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        os.close(self.out)
        os.close(self.into)
        self.profile.cleanup()

    def _message(self):
        while b"\0" not in self.buffer:
            wait = self.deadline - time.monotonic()
            if wait <= 0 or not select.select([self.into], [], [], wait)[0]:
                raise Failure("the browser does not answer")
            data = os.read(self.into, 1 << 20)
            if not data:
                raise Failure("the browser ended")
            self.buffer += data
        one, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, **parameters):
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise Failure("%s: %s" % (method, answer["error"]))
                return answer["result"]
            self.events.append(answer)

    def open(self, path, width, scheme):
        """Load a file as a screen `width` wide and the colour scheme (light, dark) show it."""
        self.events.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1,
                  mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url="file://" + path)
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._message())

    def evaluate(self, script):
        """The value of a JavaScript expression, by way of JSON."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise Failure("the audit itself failed: %s" % answer["exceptionDetails"])
        return answer["result"].get("value")

    def screenshot(self, file, clip=None):
        """The whole page, or the rectangle (x, y, width, height) of it, as PNG."""
        options = {"captureBeyondViewport": True}
        if clip:
            options["clip"] = dict(zip(("x", "y", "width", "height"), clip), scale=1)
        data = self.call("Page.captureScreenshot", **options)["data"]
        with open(file, "wb") as out:
            out.write(base64.b64decode(data))
