"""What hosts do with their streams. Each block prints one word when all of it went well."""

import codecs
import contextlib
import faulthandler
import io
import logging
import subprocess
import sys
import threading
import traceback

from tqdm import tqdm

first, errors = sys.stdout, sys.stderr

assert isinstance(sys.stdout, io.TextIOWrapper)
assert (sys.stdout.encoding, sys.stdout.mode, sys.stdout.name, sys.stdout.newlines) == ("utf-8", "w", "<stdout>", None)
assert (sys.stdout.closed, sys.stdout.isatty(), sys.stdout.fileno()) == (False, False, 1)
assert {type(sys.stdout.line_buffering), type(sys.stdout.write_through)} == {bool}
assert (bool(sys.stdout.errors), sys.stdout.readable(), sys.stdout.writable()) == (True, False, True)
assert sys.stdout.seekable() in (True, False)
assert sys.stdout.buffer.raw.fileno() == 1
sys.stdout.reconfigure(line_buffering=True, encoding="utf-8", errors="strict", write_through=True, newline="\n")
assert sys.stdout.line_buffering
for what in (
    lambda: next(sys.stdout),
    lambda: sys.stdout.truncate(0),
    lambda: sys.stdout.read(),
    lambda: sys.stdout.seek(0),
):
    try:
        what()
    except OSError:
        continue
    raise AssertionError("as a real stream, it raises")
sys.stdout.writelines(["attr", "ibutes\n"])

with contextlib.redirect_stdout(io.StringIO()) as own:
    print("not ours")
    logging.StreamHandler(sys.stdout)
assert own.getvalue() == "not ours\n"
print("redirected")
sys.stdout = io.StringIO()
sys.stdout = sys.__stdout__
print("restored")

subprocess.run([sys.executable, "-S", "-c", "print('of a child')"], stdout=sys.stdout, env={}, check=True)
faulthandler.enable()
faulthandler.disable()

sys.stdout.buffer.write(b"bytes \xff\n")
sys.stdout.flush()

sys.stdout = codecs.getwriter("utf-8")(first.buffer)
print("codecs")
sys.stdout = io.TextIOWrapper(first.buffer, encoding="latin-1", line_buffering=True)
print("wrapped \u00fc")
logging.basicConfig(stream=sys.stdout, level=logging.INFO)
logging.info("logged %s", "by wrapper", extra={"n": 1})
logging.root.handlers.clear()
sys.stdout.detach()
sys.stdout = io.TextIOWrapper(first.detach(), encoding="utf-8")
print("detached")
print("line two")
sys.stdout.flush()

for _ in tqdm(range(3), ascii=True, desc="progress", mininterval=0):
    pass

try:
    try:
        raise KeyError("first")
    except KeyError as error:
        raise ValueError("second") from error
except ValueError:
    traceback.print_exc()
    sys.__excepthook__(*sys.exc_info())

thread = threading.Thread(target=lambda: sys.stderr.write("of a thread without an end"))
thread.start()
thread.join()
with sys.stderr:
    pass
try:
    errors.write("closed")
except ValueError:
    print("closed")
print("the last, without an end", end="")
