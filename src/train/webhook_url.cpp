#include "train/webhook_url.h"

#include <fmt/format.h>

#include "llm/core/error.h"

namespace llm::train {

namespace {

[[noreturn]] void refuse_webhook(const std::string& got) {
  throw core::ConfigError({"log.webhook", "http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH",
                           got, "Give the whole URL, or \"\" for none"});
}

bool is_port(const std::string& text) {
  if (text.empty() || text.size() > 5) return false;
  for (const char c : text)
    if (c < '0' || c > '9') return false;
  const int port = std::stoi(text);
  return port > 0 && port <= 65535;
}

// "HOST", "HOST:PORT", "[::1]:PORT".
void require_host(const std::string& host) {
  const size_t bracket = host.rfind(']');
  const size_t colon = host.find(':', bracket == std::string::npos ? 0 : bracket);
  if (host.empty() || colon == 0) refuse_webhook("a URL without a host");
  for (const char c : host)
    if (c <= ' ' || c == '@' || c == '\\')
      refuse_webhook("a host with a character that it cannot have");
  if (colon != std::string::npos && !is_port(host.substr(colon + 1)))
    refuse_webhook(fmt::format("the port in \"{}\"", host));
}

}  // namespace

WebhookUrl parse_webhook_url(const std::string& url) {
  const size_t scheme_end = url.find("://");
  const std::string scheme = url.substr(0, scheme_end == std::string::npos ? 0 : scheme_end);
  if (scheme != "http" && scheme != "https") {
    refuse_webhook(scheme.empty() ? "a text without a scheme"
                                  : fmt::format("the scheme \"{}\"", scheme));
  }
  const size_t host_begin = scheme_end + 3;
  const size_t host_end = std::min(url.find_first_of("/?#", host_begin), url.size());
  require_host(url.substr(host_begin, host_end - host_begin));
  std::string target = url.substr(host_end, url.find('#', host_end) - host_end);
  if (!target.starts_with('/')) target.insert(0, "/");
  return {url.substr(0, host_end), target};
}

}  // namespace llm::train
