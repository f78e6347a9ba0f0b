"""Runs a command in a pseudo terminal: its output goes to ours, lines of our input are JSON strings typed into it. Ends with its exit code."""
import json, os, pty, select, sys

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
waiting = b''
inputs = [terminal, 0]
while True:
    readable, _, _ = select.select(inputs, [], [])
    if terminal in readable:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            data = b''
        if not data:
            break
        os.write(1, data)
    if 0 in readable:
        data = os.read(0, 65536)
        if not data:
            inputs.remove(0)
        *lines, waiting = (waiting + data).split(b'\n')
        for line in lines:
            os.write(terminal, json.loads(line).encode())
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
