#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "llm/core/error.h"
#include "llm/dist/launch.h"

namespace llm::dist {
namespace {

constexpr size_t kMaxHosts = 1 << 20;  // a list that grows beyond is a mistake

class ListParser {
 public:
  ListParser(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  std::vector<std::string> hosts() {
    std::vector<std::string> all;
    do {
      for (std::string& name : one_item()) all.push_back(std::move(name));
      require(all.size() <= kMaxHosts);
    } while (take(','));
    require(at_ == text_.size());
    return all;
  }

  std::vector<int> task_counts() {
    std::vector<int> all;
    do {
      const int64_t count = number().value;
      size_t times = 1;
      if (take_text("(x")) {
        times = static_cast<size_t>(number().value);
        require(take(')'));
      }
      require(count <= static_cast<int64_t>(kMaxHosts) && times >= 1 && times <= kMaxHosts &&
              all.size() + times <= kMaxHosts);
      all.insert(all.end(), times, static_cast<int>(count));
    } while (take(','));
    require(at_ == text_.size());
    return all;
  }

 private:
  struct Number {
    int64_t value;
    size_t width;  // with leading zeros
  };

  void require(bool condition) const {
    if (condition) return;
    throw core::ConfigError({"environment variable " + where_,
                             "a list as Slurm writes it, such as node[01-03,7],gpu5 or 2(x3),1",
                             fmt::format("\"{}\"", text_), ""});
  }
  bool take(char wanted) {
    const bool is_there = at_ < text_.size() && text_[at_] == wanted;
    if (is_there) ++at_;
    return is_there;
  }
  bool take_text(std::string_view wanted) {
    const bool is_there = text_.substr(at_).starts_with(wanted);
    if (is_there) at_ += wanted.size();
    return is_there;
  }

  Number number() {
    Number found{0, 0};
    const char* begin = text_.data() + at_;
    const auto [stop, error] = std::from_chars(begin, text_.data() + text_.size(), found.value);
    require(error == std::errc() && *begin != '-');
    found.width = static_cast<size_t>(stop - begin);
    at_ += found.width;
    return found;
  }

  // "node[1-2]x[3]-ib": literal text and brackets in turn.
  std::vector<std::string> one_item() {
    std::vector<std::string> names{""};
    const size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != ',') {
      if (take('[')) {
        names = with_each(names, bracket());
        continue;
      }
      require(text_[at_] != ']');
      for (std::string& name : names) name += text_[at_];
      ++at_;
    }
    require(at_ > begin);
    return names;
  }

  std::vector<std::string> bracket() {
    std::vector<std::string> parts;
    do {
      const Number first = number();
      const Number last = take('-') ? number() : first;
      require(first.value <= last.value);
      require(parts.size() + static_cast<size_t>(last.value - first.value) < kMaxHosts);
      for (int64_t i = first.value; i <= last.value; ++i) {
        parts.push_back(fmt::format("{:0{}}", i, first.width));
      }
    } while (take(','));
    require(take(']'));
    return parts;
  }

  std::vector<std::string> with_each(const std::vector<std::string>& names,
                                     const std::vector<std::string>& parts) const {
    require(names.size() * parts.size() <= kMaxHosts);
    std::vector<std::string> all;
    for (const std::string& name : names) {
      for (const std::string& part : parts) all.push_back(name + part);
    }
    return all;
  }

  std::string_view text_;
  const std::string& where_;
  size_t at_ = 0;
};

}  // namespace

std::vector<std::string> expand_host_list(const std::string& text, const std::string& where) {
  return ListParser(text, where).hosts();
}

std::vector<int> expand_task_counts(const std::string& text, const std::string& where) {
  return ListParser(text, where).task_counts();
}

}  // namespace llm::dist
