#include "llm/corpus/html_text.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <vector>

#include "corpus/blank.h"
#include "corpus/html_tree.h"

namespace llm::corpus {
namespace {

constexpr auto kDroppedTags = std::to_array<std::string_view>(
    {"aside", "audio", "base",     "button",   "canvas",   "datalist", "head",   "iframe",
     "input", "link",  "meta",     "nav",      "noscript", "object",   "script", "select",
     "style", "svg",   "template", "textarea", "title",    "video"});
// Navigation and decoration of DocBook XSL, Publican, Sphinx and LibreOffice help.
constexpr auto kDroppedClasses = std::to_array<std::string_view>(
    {"navheader", "navfooter", "toc", "list-of-figures", "list-of-tables", "list-of-examples",
     "docnav", "indexterm", "related", "sphinxsidebar", "sphinxsidebarwrapper", "headerlink",
     "howtogetheader", "noteicon", "breadcrumb", "breadcrumbs", "navbar"});
constexpr auto kBlocks = std::to_array<std::string_view>(
    {"address",    "article", "blockquote", "body",   "caption", "center", "dd",
     "details",    "dialog",  "dir",        "div",    "dl",      "dt",     "fieldset",
     "figcaption", "figure",  "footer",     "form",   "h1",      "h2",     "h3",
     "h4",         "h5",      "h6",         "header", "hgroup",  "hr",     "html",
     "legend",     "li",      "main",       "menu",   "ol",      "p",      "pre",
     "section",    "summary", "table",      "tbody",  "tfoot",   "thead",  "ul"});

template <size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool has_dropped_class(const HtmlNode& node) {
  std::istringstream words(node.classes);
  for (std::string word; words >> word;) {
    if (contains(kDroppedClasses, word)) return true;
  }
  return false;
}

bool is_heading(std::string_view tag) {
  return tag.size() == 2 && tag[0] == 'h' && tag[1] >= '1' && tag[1] <= '6';
}

// Collects text, turning requested breaks into characters only once more text follows.
class Paper {
 public:
  void request_space() { has_space_ = true; }
  void request_break(int newlines) { newlines_ = std::max(newlines_, newlines); }

  // White space of `text` collapses; U+00A0 counts as white space.
  void write(std::string_view text) {
    for (size_t i = 0; i < text.size(); ++i) {
      const bool is_nbsp = text.substr(i).starts_with("\xC2\xA0");
      if (is_nbsp) ++i;
      if (is_nbsp || is_blank(text.substr(i, 1))) {
        has_space_ = true;
      } else {
        start();
        out_ += text[i];
      }
    }
  }

  // Empty lines at the start of a block are left out.
  void write_verbatim(std::string_view text) {
    const bool is_at_start = newlines_ > 0 || out_.empty();
    if (is_at_start) text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
    if (text.empty()) return;
    start();
    out_.append(text);
  }

  // A bullet swallows the breaks between it and its text.
  void write_bullet(std::string_view bullet) {
    start();
    out_.append(bullet);
    after_bullet_ = out_.size();
  }

  std::string finish() {
    const size_t end = out_.find_last_not_of(" \n\t\r");
    out_.resize(end == std::string::npos ? 0 : end + 1);
    return std::move(out_);
  }

  size_t size() const { return out_.size(); }
  std::string_view since(size_t begin) const { return std::string_view(out_).substr(begin); }

 private:
  void start() {
    if (!out_.empty() && out_.size() != after_bullet_) {
      if (newlines_ > 0) {
        out_.resize(out_.find_last_not_of("\r\n") + 1);
        out_.append(static_cast<size_t>(newlines_), '\n');
      } else if (has_space_) {
        out_ += ' ';
      }
    }
    newlines_ = 0;
    has_space_ = false;
  }

  std::string out_;
  size_t after_bullet_ = std::string::npos;
  int newlines_ = 0;
  bool has_space_ = false;
};

struct Context {
  bool is_in_article = false;
  bool is_in_cell = false;  // a cell is one line
  bool is_preformatted = false;
  int list_depth = 0;
};

class Renderer {
 public:
  explicit Renderer(const HtmlTree& tree) : tree_(tree) {}

  void render_children(const HtmlNode& parent, const Context& context) {
    const bool is_choice = hides_everything(parent);
    for (const size_t index : parent.children) {
      const HtmlNode& node = tree_.nodes[index];
      const bool is_chosen = is_choice && index == last_hidden(parent);
      if (!node.is_hidden || is_chosen) render(node, context);
    }
  }

  std::string finish() { return paper_.finish(); }
  const std::string& first_heading() const { return first_heading_; }

 private:
  // Its content is hidden elements and nothing else.
  bool hides_everything(const HtmlNode& parent) const {
    return std::ranges::all_of(parent.children, [&](size_t index) {
      const HtmlNode& node = tree_.nodes[index];
      return node.is_hidden || (node.tag.empty() && is_blank(node.text));
    });
  }

  size_t last_hidden(const HtmlNode& parent) const {
    const auto found = std::find_if(parent.children.rbegin(), parent.children.rend(),
                                    [&](size_t index) { return tree_.nodes[index].is_hidden; });
    return found == parent.children.rend() ? 0 : *found;
  }

  static bool is_dropped(const HtmlNode& node, const Context& context) {
    const bool is_frame = (node.tag == "header" || node.tag == "footer") && !context.is_in_article;
    return is_frame || contains(kDroppedTags, node.tag) || node.role == "navigation" ||
           node.role == "search" || has_dropped_class(node);
  }

  void request_break(const Context& context) {
    if (context.is_in_cell) {
      paper_.request_space();
    } else {
      paper_.request_break(context.list_depth > 0 ? 1 : 2);
    }
  }

  void request_line(const Context& context) {
    if (context.is_in_cell) {
      paper_.request_space();
    } else {
      paper_.request_break(1);
    }
  }

  void render_text(const HtmlNode& node, const Context& context) {
    if (context.is_preformatted && !context.is_in_cell) {
      paper_.write_verbatim(node.text);
    } else {
      paper_.write(node.text);
    }
  }

  void render(const HtmlNode& node, Context context) {
    const std::string& tag = node.tag;
    if (tag.empty()) return render_text(node, context);
    if (is_dropped(node, context)) return;
    if (tag == "br") return request_line(context);
    if (tag == "tr") return render_row(node, context);
    if (tag == "li") return render_item(node, context);
    if (tag == "pre") context.is_preformatted = true;
    if (tag == "article" || tag == "main" || tag == "section") context.is_in_article = true;
    if (!contains(kBlocks, tag)) return render_children(node, context);

    const bool is_line = tag == "dt" || tag == "dd";
    is_line ? request_line(context) : request_break(context);
    if (tag == "ul" || tag == "ol") ++context.list_depth;
    const size_t begin = paper_.size();
    render_children(node, context);
    if (is_heading(tag) && first_heading_.empty()) remember_heading(begin);
    if (tag == "ul" || tag == "ol") --context.list_depth;
    is_line ? request_line(context) : request_break(context);
  }

  void remember_heading(size_t begin) {
    std::string_view text = paper_.since(begin);
    const size_t start = text.find_first_not_of("\n ");
    if (start != std::string_view::npos) first_heading_ = text.substr(start);
  }

  void render_item(const HtmlNode& node, const Context& context) {
    request_line(context);
    const size_t indent = static_cast<size_t>(std::max(context.list_depth - 1, 0)) * 2;
    Renderer content(tree_);
    content.render_children(node, context);
    const std::string text = content.finish();
    if (text.empty()) return;
    if (context.is_in_cell) {
      paper_.write(text);
    } else {
      paper_.write_bullet(std::string(indent, ' ') + "- ");
      paper_.write_verbatim(text);
    }
    request_line(context);
  }

  // A row of one cell is layout, not a table.
  void render_row(const HtmlNode& row, const Context& context) {
    std::vector<const HtmlNode*> cells;
    for (const size_t index : row.children) {
      const HtmlNode& node = tree_.nodes[index];
      if (node.tag == "td" || node.tag == "th") cells.push_back(&node);
    }
    request_line(context);
    if (cells.size() == 1) {
      render_children(*cells[0], context);
    } else {
      paper_.write_verbatim(join_cells(cells, context));
    }
    request_line(context);
  }

  std::string join_cells(const std::vector<const HtmlNode*>& cells, Context context) {
    context.is_in_cell = true;
    std::string line;
    for (const HtmlNode* cell : cells) {
      Renderer content(tree_);
      content.render_children(*cell, context);
      const std::string text = content.finish();
      if (text.empty()) continue;
      line += (line.empty() ? "" : " | ") + text;
    }
    return line;
  }

  const HtmlTree& tree_;
  Paper paper_;
  std::string first_heading_;
};

std::string title_of(const HtmlTree& tree) {
  const auto is_title = [](const HtmlNode& node) { return node.tag == "title"; };
  const auto found = std::ranges::find_if(tree.nodes, is_title);
  if (found == tree.nodes.end()) return {};
  Paper paper;
  for (const size_t child : found->children) paper.write(tree.nodes[child].text);
  return paper.finish();
}

}  // namespace

std::string html_to_text(std::string_view html) {
  const HtmlTree tree = parse_html(html);
  Renderer renderer(tree);
  renderer.render_children(tree.nodes[0], {});
  const std::string text = renderer.finish();
  const std::string title = title_of(tree);
  const std::string& heading = renderer.first_heading();
  const bool is_said = !heading.empty() && title.find(heading) != std::string::npos;
  if (text.empty() || title.empty() || is_said) return text;
  return title + "\n\n" + text;
}

}  // namespace llm::corpus
