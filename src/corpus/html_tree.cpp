#include "corpus/html_tree.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>

#include "corpus/html_entities.h"

namespace llm::corpus {
namespace {

constexpr size_t kMaxDepth = 512;
using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 14> kVoid = {"area",   "base",  "br",   "col",  "embed",
                                                    "hr",     "img",   "link", "meta", "param",
                                                    "source", "track", "wbr",  "input"};
constexpr std::array<std::string_view, 4> kRawText = {"script", "style", "title", "textarea"};
constexpr std::array<std::string_view, 34> kClosesParagraph = {
    "address", "article",  "aside",      "blockquote", "center", "details", "dialog", "dir", "div",
    "dl",      "fieldset", "figcaption", "figure",     "footer", "form",    "h1",     "h2",  "h3",
    "h4",      "h5",       "h6",         "header",     "hr",     "main",    "menu",   "nav", "ol",
    "p",       "pre",      "section",    "summary",    "table",  "ul",      "hgroup"};

// An element whose start ends another one that is still open, up to a barrier.
struct ImpliedEnd {
  std::vector<std::string_view> starts;
  std::vector<std::string_view> ends;
  std::vector<std::string_view> barriers;
};

const std::vector<ImpliedEnd>& implied_ends() {
  static const std::vector<ImpliedEnd> rules = {
      {{kClosesParagraph.begin(), kClosesParagraph.end()},
       {"p"},
       {"table", "td", "th", "caption", "button", "li", "dd"}},
      {{"li"}, {"li"}, {"ul", "ol", "menu", "table"}},
      {{"dt", "dd"}, {"dt", "dd"}, {"dl", "table"}},
      {{"td", "th"}, {"td", "th"}, {"tr", "table"}},
      {{"tr"}, {"tr"}, {"table"}},
      {{"thead", "tbody", "tfoot"}, {"thead", "tbody", "tfoot", "caption"}, {"table"}},
      {{"option", "optgroup"}, {"option"}, {"select"}},
  };
  return rules;
}

bool contains(Names names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

std::string resolve_references(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t amp = std::min(text.find('&', i), text.size());
    out.append(text.substr(i, amp - i));
    i = amp;
    if (i < text.size()) i += append_character_reference(out, text.substr(i));
  }
  return out;
}

class Parser {
 public:
  explicit Parser(std::string_view html) : html_(html) {
    tree_.nodes.push_back({.tag = "html"});
    open_.push_back(0);
  }

  HtmlTree parse() {
    while (at_ < html_.size()) {
      const size_t tag = html_.find('<', at_);
      add_text(html_.substr(at_, std::min(tag, html_.size()) - at_));
      if (tag == std::string_view::npos) break;
      at_ = tag;
      parse_markup();
    }
    return std::move(tree_);
  }

 private:
  bool starts(std::string_view prefix) const { return html_.substr(at_).starts_with(prefix); }

  void skip_past(std::string_view mark) {
    const size_t found = html_.find(mark, at_);
    at_ = found == std::string_view::npos ? html_.size() : found + mark.size();
  }

  bool has_letter(size_t at) const {
    return at < html_.size() && std::isalpha(static_cast<unsigned char>(html_[at])) != 0;
  }

  void parse_markup() {
    if (starts("<!--")) {
      skip_past("-->");
    } else if (starts("<!") || starts("<?")) {
      skip_past(">");
    } else if (starts("</") && has_letter(at_ + 2)) {
      at_ += 2;
      const std::string name = read_name();
      skip_past(">");
      close(name);
    } else if (has_letter(at_ + 1)) {
      at_ += 1;
      parse_start_tag();
    } else {
      add_text("<");
      at_ += 1;
    }
  }

  std::string read_name() {
    const size_t begin = at_;
    while (at_ < html_.size() && !is_space(html_[at_]) && html_[at_] != '>' && html_[at_] != '/' &&
           html_[at_] != '=') {
      ++at_;
    }
    return lower(html_.substr(begin, at_ - begin));
  }

  void skip_spaces() {
    while (at_ < html_.size() && is_space(html_[at_])) ++at_;
  }

  std::string read_value() {
    skip_spaces();
    if (at_ < html_.size() && (html_[at_] == '"' || html_[at_] == '\'')) {
      const size_t begin = at_ + 1;
      const size_t end = std::min(html_.find(html_[at_], begin), html_.size());
      at_ = std::min(end + 1, html_.size());
      return resolve_references(html_.substr(begin, end - begin));
    }
    const size_t begin = at_;
    while (at_ < html_.size() && !is_space(html_[at_]) && html_[at_] != '>') ++at_;
    return resolve_references(html_.substr(begin, at_ - begin));
  }

  // Reads up to and with '>'. True for "/>".
  bool read_attributes(HtmlNode& node) {
    bool is_closed = false;
    while (at_ < html_.size() && html_[at_] != '>') {
      is_closed = html_[at_] == '/';
      if (is_closed || is_space(html_[at_])) {
        ++at_;
        continue;
      }
      const size_t before = at_;
      const std::string name = read_name();
      skip_spaces();
      std::string value;
      if (at_ < html_.size() && html_[at_] == '=') {
        ++at_;
        value = read_value();
      }
      if (at_ == before) ++at_;
      if (name == "class") node.classes = value;
      if (name == "role") node.role = lower(value);
      if (name == "hidden" || (name == "aria-hidden" && value == "true")) node.is_hidden = true;
    }
    at_ = std::min(at_ + 1, html_.size());
    return is_closed;
  }

  void parse_start_tag() {
    HtmlNode node{.tag = read_name()};
    const bool is_closed = read_attributes(node);
    for (const ImpliedEnd& rule : implied_ends()) {
      if (contains(rule.starts, node.tag)) close_nearest(rule.ends, rule.barriers);
    }
    const std::string tag = node.tag;
    const size_t index = add(std::move(node));
    if (is_closed || contains(kVoid, tag)) return;
    if (contains(kRawText, tag)) {
      read_raw_text(tag, index);
    } else if (open_.size() < kMaxDepth) {
      open_.push_back(index);
    }
  }

  // Everything up to the end tag is text, whatever it looks like.
  void read_raw_text(const std::string& tag, size_t index) {
    const size_t begin = at_;
    size_t end = begin;
    for (;; end += 2) {
      end = html_.find("</", end);
      if (end == std::string_view::npos) end = html_.size();
      if (end == html_.size() || lower(html_.substr(end + 2, tag.size())) == tag) break;
    }
    at_ = end;
    if (end < html_.size()) skip_past(">");
    if (tag != "title") return;
    const size_t child = tree_.nodes.size();
    tree_.nodes.push_back({.text = resolve_references(html_.substr(begin, end - begin))});
    tree_.nodes[index].children.push_back(child);
  }

  size_t add(HtmlNode node) {
    const size_t index = tree_.nodes.size();
    tree_.nodes.push_back(std::move(node));
    tree_.nodes[open_.back()].children.push_back(index);
    return index;
  }

  void add_text(std::string_view text) {
    if (!text.empty()) add({.text = resolve_references(text)});
  }

  void close_nearest(Names names, Names barriers) {
    for (size_t i = open_.size(); i-- > 1;) {
      const std::string& tag = tree_.nodes[open_[i]].tag;
      if (contains(names, tag)) {
        open_.resize(i);
        return;
      }
      if (contains(barriers, tag)) return;
    }
  }

  // A stray end tag inside a table cell does not reach out of it.
  void close(const std::string& tag) {
    static constexpr std::array<std::string_view, 6> kTable = {"table", "thead", "tbody",
                                                               "tfoot", "tr",    "body"};
    static constexpr std::array<std::string_view, 3> kCells = {"td", "th", "caption"};
    const std::array<std::string_view, 1> names = {tag};
    close_nearest(names, contains(kTable, tag) ? Names() : Names(kCells));
  }

  std::string_view html_;
  size_t at_ = 0;
  HtmlTree tree_;
  std::vector<size_t> open_;  // from the root to the innermost open element
};

}  // namespace

HtmlTree parse_html(std::string_view html) { return Parser(html).parse(); }

}  // namespace llm::corpus
