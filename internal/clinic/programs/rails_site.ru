# A Rails site as small as it can be; case.rb says what is special about it.
require 'logger'
require 'rails'
require 'action_controller/railtie'
require File.expand_path('case', __dir__)

class ShopApp < Rails::Application
  config.root = __dir__
  config.eager_load = true
  config.consider_all_requests_local = false
  config.logger = Logger.new(nil)
  config.secret_key_base = 'only for tests' * 3
  CONFIG.call(config)
  routes.append do
    root to: ->(env) { [200, { 'Content-Type' => 'text/plain' }, ['welcome to the shop']] }
    instance_exec(&ROUTES)
  end
end

ShopApp.initialize!
run ShopApp
