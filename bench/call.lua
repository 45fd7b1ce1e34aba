-- One call for wrk: the method, the body, then headers as `Name: value`.
function init(args)
  wrk.method, wrk.body = args[1], args[2] ~= "" and args[2] or nil
  for i = 3, #args do
    local name, value = args[i]:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
end
