# Serves several Rack apps on ports of their own, in one process, each with a puma.
# tenants.json is a list of {"code", "host", "port"}; the code's value is the app,
# and may set $threads.
require 'json'
require 'puma'
require 'puma/server'
require 'sinatra/base'

class Shop < Sinatra::Base
  set :environment, :production
  set :show_exceptions, false
  set :raise_errors, false
  set :dump_errors, false
  set :logging, false
  disable :protection
end

JSON.parse(File.read('tenants.json')).each do |tenant|
  $threads = 4
  app = eval(tenant['code'])
  server = Puma::Server.new(app, Puma::Events.null, min_threads: 1, max_threads: $threads)
  server.add_tcp_listener(tenant['host'], tenant['port'].to_i)
  server.run
end
sleep
