-- Sixteen requests at once on each connection.
init = function(args)
  local one = wrk.format("GET", "/")
  local all = {}
  for i = 1, 16 do all[i] = one end
  requests = table.concat(all)
end
request = function() return requests end
