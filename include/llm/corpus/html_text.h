// The readable text of an HTML page: its title, headings, paragraphs, lists and tables, as plain
// text.
//
// Parsing follows the HTML Living Standard (WHATWG, section 13) as far as real documentation pages
// need it: void elements, raw text elements, optional end tags of p, li, dt, dd, tr, td, th and
// option, character references, stray end tags. White space collapses except in <pre>. Left out:
// scripts, styles, forms, navigation (<nav>, role="navigation", <aside>, page headers and footers,
// and the navigation classes of DocBook, Publican, Sphinx and LibreOffice help), and hidden
// elements; where a page hides every alternative of a choice and lets a script show one, the last
// is kept.
#pragma once

#include <string>
#include <string_view>

namespace llm::corpus {

// Paragraphs are separated by an empty line, list items ("- ...") and table rows ("a | b") by a
// line end. The title comes first unless the first heading says the same. "" when nothing is left.
// Requires: valid UTF-8. Thread-safe.
std::string html_to_text(std::string_view html);

}  // namespace llm::corpus
