// Oracle: what a server of this process is sent, and the addresses of RFC 3986.
#include "train/webhook.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "llm/core/error.h"
#include "support/error_text.h"
#include "train/webhook_url.h"

namespace llm::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Answers with `status` and keeps what it was sent.
class HookServer {
 public:
  explicit HookServer(int status = 200, int wrong_answers = 1 << 30) {
    server_.Post(
        "/secret/path", [=, this](const httplib::Request& request, httplib::Response& response) {
          const std::lock_guard lock(mutex_);
          bodies_.push_back(request.body);
          types_.push_back(request.get_header_value("Content-Type"));
          response.status = static_cast<int>(bodies_.size()) <= wrong_answers ? status : 200;
        });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~HookServer() {
    while (!server_.is_running()) std::this_thread::yield();
    server_.stop();
    thread_.join();
  }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/secret/path?key=1";
  }
  // Sent so far; ask once nobody sends any more.
  std::vector<std::string> bodies() {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }
  std::vector<std::string> types() { return types_; }

 private:
  httplib::Server server_;
  int port_ = 0;
  std::mutex mutex_;
  std::vector<std::string> bodies_, types_;
  std::thread thread_;
};

// Takes connections and never says a word; or, closed, has a port where nobody listens.
class SilentServer {
 public:
  explicit SilentServer(bool listens) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(socket_, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    if (listens) ::listen(socket_, 16);
    url = "http://127.0.0.1:" + std::to_string(::ntohs(address.sin_port)) + "/secret";
  }
  ~SilentServer() { ::close(socket_); }
  std::string url;

 private:
  int socket_;
};

WebhookOptions quick() {
  using std::chrono::milliseconds;
  return {.timeout = milliseconds(200), .pause = milliseconds(1), .end_wait = milliseconds(60000)};
}

// What the log says while events are posted until all have been sent or given up.
std::string log_of(const std::string& url, int events, const WebhookOptions& options) {
  ::testing::internal::CaptureStderr();
  {
    Webhook webhook(url, options);
    for (int i = 0; i < events; ++i) webhook.post({{"event", "e" + std::to_string(i)}});
  }
  return ::testing::internal::GetCapturedStderr();
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++found;
  return found;
}

TEST(Webhook, EventsArriveInOrderAsJson) {
  HookServer server;
  {
    Webhook webhook(server.url(), quick());
    for (int i = 0; i < 20; ++i) webhook.post({{"event", "spike"}, {"step", i}, {"text", "한\n"}});
  }
  ASSERT_EQ(server.bodies().size(), 20u);
  for (int i = 0; i < 20; ++i) {
    const io::Json json = io::parse_json(server.bodies()[static_cast<size_t>(i)], "body");
    EXPECT_EQ(json["step"], i);
    EXPECT_EQ(json["text"], "한\n");
  }
  EXPECT_EQ(server.types().front(), "application/json");
}

TEST(Webhook, AServerThatIsDownIsToldOfOnceAndWithoutTheSecret) {
  const SilentServer server(/*listens=*/false);
  const std::string log = log_of(server.url, 5, quick());
  EXPECT_EQ(count(log, "training goes on"), 1) << log;
  EXPECT_THAT(log, AllOf(HasSubstr(server.url.substr(0, server.url.find("/secret"))),
                         Not(HasSubstr("secret"))));
}

TEST(Webhook, AServerThatHangsIsLeft) {
  const SilentServer server(/*listens=*/true);
  const std::string log = log_of(server.url, 2, quick());
  EXPECT_EQ(count(log, "training goes on"), 1) << log;
}

TEST(Webhook, TheEndOfARunDoesNotWaitForAServerThatHangs) {
  const SilentServer server(/*listens=*/true);
  WebhookOptions options = quick();
  options.timeout = std::chrono::hours(1);
  options.end_wait = std::chrono::milliseconds(100);
  EXPECT_THAT(log_of(server.url, 3, options), HasSubstr("no answer until the end of the run"));
}

TEST(Webhook, AnErrorIsTriedThreeTimesAndTheNextEventStillSent) {
  HookServer server(/*status=*/500);
  const std::string log = log_of(server.url(), 2, quick());
  EXPECT_EQ(count(log, "training goes on"), 1) << log;
  EXPECT_THAT(log, HasSubstr("status 500"));
  ASSERT_EQ(server.bodies().size(), 6u);
  for (int i = 0; i < 6; ++i)
    EXPECT_THAT(server.bodies()[static_cast<size_t>(i)], HasSubstr(i < 3 ? "e0" : "e1"));
}

TEST(Webhook, AServerThatRecoversIsNoError) {
  HookServer server(/*status=*/503, /*wrong_answers=*/2);
  EXPECT_EQ(log_of(server.url(), 2, quick()), "");
  EXPECT_EQ(server.bodies().size(), 4u);
}

TEST(Webhook, AFullQueueDropsEventsInsteadOfWaiting) {
  const SilentServer server(/*listens=*/true);
  WebhookOptions options = quick();
  options.max_waiting = 3;
  options.end_wait = std::chrono::milliseconds(0);
  const std::string log = log_of(server.url, 100, options);
  EXPECT_EQ(count(log, "training goes on"), 1) << log;
  EXPECT_THAT(log, HasSubstr("more events than it took"));
}

TEST(Webhook, TlsIsSpokenWhereTheUrlSaysSo) {
  HookServer plain;
  std::string url = plain.url();
  url.insert(4, "s");
  EXPECT_EQ(count(log_of(url, 1, quick()), "training goes on"), 1);
  EXPECT_TRUE(plain.bodies().empty());
}

TEST(WebhookUrl, IsCutIntoServerAndTarget) {
  const WebhookUrl url = parse_webhook_url("https://hooks.example.org:8443/a/b?c=d#e");
  EXPECT_EQ(url.server, "https://hooks.example.org:8443");
  EXPECT_EQ(url.target, "/a/b?c=d");
  EXPECT_EQ(parse_webhook_url("http://h").target, "/");
  EXPECT_EQ(parse_webhook_url("http://h?x").target, "/?x");
  EXPECT_EQ(parse_webhook_url("http://[::1]:80/x").server, "http://[::1]:80");
}

TEST(WebhookUrl, ErrorsNameTheKeyAndKeepTheSecret) {
  for (const std::string url :
       {"hooks.example.org/secret", "ftp://h/secret", "http:///secret", "http://me:secret@h/x",
        "http://h:99999/secret", "http://h:/secret", "http://:80/secret", "http://h h/secret"}) {
    EXPECT_THAT(test::error_text<core::ConfigError>([&] { parse_webhook_url(url); }),
                AllOf(HasSubstr("log.webhook: expected http://"), Not(HasSubstr("secret"))))
        << url;
  }
}

}  // namespace
}  // namespace llm::train
