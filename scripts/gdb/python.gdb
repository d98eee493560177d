# SPDX-License-Identifier: MIT
# A gdb with Python: Ringlet's commands (ringlet/), the symbols of the kernels, the connection.
python
import os, sys
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.getcwd(), "scripts", "gdb"))
import ringlet
ringlet.connect()
end
