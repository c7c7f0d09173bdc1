// Where a run's events are posted: http://HOST[:PORT][/PATH] or https://...
#pragma once

#include <string>

namespace llm::train {

struct WebhookUrl {
  std::string server;  // "https://hooks.example.org:8443"; all that is ever shown: the path of a
                       // webhook is its secret
  std::string target;  // "/services/T0/B0?x=1"
};
// Throws: ConfigError that names log.webhook and shows no more than scheme and host.
WebhookUrl parse_webhook_url(const std::string& url);

}  // namespace llm::train
