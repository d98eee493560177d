-- SPDX-License-Identifier: MIT
-- What the Lua interpreter needs of the system below it, and that it computes what it should: one line for each check.
local function check(name, action)
	local ok, why = pcall(action)
	print((ok and "PASS: " or "FAIL: ") .. name .. (ok and "" or ": " .. tostring(why)))
end

local function lines(command)
	local all = {}
	local pipe = assert(io.popen(command))
	for line in pipe:lines() do all[#all + 1] = line end
	return all, pipe:close()
end

check("coroutines pass values", function()
	local squares = coroutine.wrap(function() for i = 1, 100 do coroutine.yield(i * i) end end)
	local sum = 0
	for _ = 1, 100 do sum = sum + squares() end
	assert(sum == 338350)
end)

check("closures and tables", function()
	local primes, sieve = {}, {}
	for i = 2, 20000 do
		if not sieve[i] then
			primes[#primes + 1] = i
			for j = i * i, 20000, i do sieve[j] = true end
		end
	end
	assert(#primes == 2262 and primes[2262] == 19997)
end)

check("sort", function()
	local t, x = {}, 1
	for i = 1, 5000 do x = x * 16807 % 2147483647; t[i] = x end
	table.sort(t)
	for i = 2, #t do assert(t[i - 1] <= t[i]) end
end)

check("patterns and formats", function()
	local words = {}
	for k, v in ("one=1, two=2, three=3"):gmatch("(%w+)=(%d)") do words[k] = tonumber(v) end
	assert(words.one + words.two + words.three == 6)
	assert(("%08.3f|%-5s|%x"):format(math.pi, "ab", 255) == "0003.142|ab   |ff")
	assert(("x"):rep(3, ",") == "x,x,x" and utf8.len("größer") == 6)
end)

check("floating point and integers", function()
	assert(math.maxinteger + 1 == math.mininteger and 7 // -2 == -4 and 2 ^ 0.5 == math.sqrt(2))
	assert(0x7fffffffffffffff // 3 == 3074457345618258602 and 1e308 * 10 == math.huge)
end)

check("an endless recursion is an error", function()
	local function deeper(n) return 1 + deeper(n + 1) end
	local ok, why = pcall(deeper, 1)
	assert(not ok and why:find("stack overflow"))
	assert(not pcall(string.rep, "x", 1 << 40))
end)

check("collected memory comes back", function()
	for _ = 1, 50 do local s = ("x"):rep(1 << 20) assert(#s == 1 << 20) end
	collectgarbage()
	assert(collectgarbage("count") < 8192)
end)

check("files: write, seek, read, append", function()
	local name = os.tmpname()
	local f = assert(io.open(name, "w+"))
	assert(f:setvbuf("full", 1024))
	for i = 1, 1000 do f:write(i, "\n") end
	assert(f:seek("end") == 3893 and f:seek("set", 0) == 0)
	local sum = 0
	for i in f:lines("n") do sum = sum + i end
	assert(sum == 500500)
	f:close()
	f = assert(io.open(name, "a"))
	f:write("end") f:close()
	f = assert(io.open(name))
	assert(f:read("a"):sub(-8) == "1000\nend") f:close()
	assert(os.rename(name, name .. "x") and not io.open(name) and os.remove(name .. "x"))
	local _, why, code = os.remove(name)
	assert(code == 2 and why:find("No such file"))
end)

check("processes: popen, execute, exit codes", function()
	local out, ok, how, code = lines("seq 1 300 | tail -n 2; exit 7")
	assert(out[1] == "299" and out[2] == "300" and not ok and how == "exit" and code == 7)
	ok, how, code = os.execute("kill -9 $$")
	assert(not ok and how == "signal" and code == 9)
	local pipe = assert(io.popen("cat > /tmp/suite.lua", "w"))
	pipe:write("return {answer = 42}") pipe:close()
	package.path = "/tmp/?.lua"
	assert(require("suite").answer == 42)
	os.remove("/tmp/suite.lua")
end)

check("time and environment", function()
	local t = os.time({year = 2000, month = 1, day = 1, hour = 12})
	assert(os.date("!%Y-%m-%d %H", t) == "2000-01-01 12" and os.time() > t and os.clock() >= 0)
	assert(os.getenv("PATH"):find("/bin") and not os.getenv("NO_SUCH_NAME"))
end)
