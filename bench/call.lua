-- One call for wrk: the method, the body, then headers as `Name: value`.
-- "@number@" in the body is another number in each request of any run, always of the same length: none finds an answer
-- that is remembered from the run before.
local count = os.time() % 9000 * 1000000

function init(args)
  wrk.method, wrk.body = args[1], args[2] ~= "" and args[2] or nil
  for i = 3, #args do
    local name, value = args[i]:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
  if wrk.body and wrk.body:find("@number@", 1, true) then
    local before, after = wrk.body:match("^(.-)@number@(.*)$")
    request = function()
      count = count + 1
      local number = string.format("1%04d.%06d", math.floor(count / 1000000), count % 1000000)
      return wrk.format(nil, nil, nil, before .. number .. after)
    end
  end
end
