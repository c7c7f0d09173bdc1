#include "llm/convert/conversion.h"

#include <utility>

#include "convert/gguf_source.h"
#include "llm/convert/lora_adapter.h"
#include "llm/core/error.h"
#include "llm/io/atomic_file.h"
#include "llm/io/file_operations.h"
#include "llm/io/made_folders.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;

fs::path with_suffix(fs::path path, const char* suffix) { return path += suffix; }

// OUT without a trailing slash, absolute, so that OUT.partial is its neighbour.
fs::path output_path(const fs::path& out) {
  const fs::path path = fs::absolute(out).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

bool is_replaceable(const fs::path& out, ModelFormat format) {
  if (format == ModelFormat::kGguf) return fs::is_regular_file(out) && is_gguf(out);
  const char* config = format == ModelFormat::kAdapter ? kAdapterConfigName : "config.json";
  return fs::is_directory(out) && (fs::is_empty(out) || fs::exists(out / config));
}

void require_adapter_for_base(const ModelSource& source, const fs::path& base) {
  if (base.empty() || source.adapter) return;
  throw core::ConfigError({.where = "--base",
                           .expected = "an adapter directory that it is the base of",
                           .got = source.path.string() + ", a whole model",
                           .hint = "Leave --base away."});
}

void require_free_output(const fs::path& source, const fs::path& out,
                         const Conversion& conversion) {
  if (!fs::exists(out)) return;
  if (fs::equivalent(source, out)) {
    throw core::ConfigError({.where = "--out",
                             .expected = "another name than --from",
                             .got = out.string(),
                             .hint = "Choose a new name."});
  }
  if (!conversion.force) {
    throw core::ConfigError({.where = "--out",
                             .expected = "a name that does not exist yet",
                             .got = out.string() + ", which exists",
                             .hint = "Choose a new name, or replace it with --force."});
  }
  if (!is_replaceable(out, conversion.to)) {
    throw core::ConfigError({.where = "--out",
                             .expected = std::string("a model to replace, in the same format (") +
                                         format_name(conversion.to) + ")",
                             .got = out.string() + ", which is something else",
                             .hint = "Choose a new name; --force replaces models only."});
  }
}

void replace_output(const fs::path& from, const fs::path& to) {
  io::put_in_place(from, to);
  io::sync_directory(to.parent_path());
  io::remove_tree(from);
}

// Removes what it names unless released.
class PartialOutput {
 public:
  explicit PartialOutput(fs::path path) : path_(std::move(path)) { io::remove_tree(path_); }
  ~PartialOutput() {
    if (!released_) io::try_remove_tree(path_);
  }
  PartialOutput(const PartialOutput&) = delete;
  PartialOutput& operator=(const PartialOutput&) = delete;
  const fs::path& path() const { return path_; }
  void release() { released_ = true; }

 private:
  fs::path path_;
  bool released_ = false;
};

}  // namespace

ConversionResult convert_model(const Conversion& conversion, const ModelWriter& write,
                               const ConversionGate& gate) {
  const ModelSource source = open_model(conversion.from, conversion.open);
  require_adapter_for_base(source, conversion.open.base);
  const fs::path out = output_path(conversion.out);
  require_free_output(source.path, out, conversion);
  require_exact_weights(*source.weights, source.config);
  io::MadeFolders folders(out.parent_path());
  PartialOutput partial(with_suffix(out, ".partial"));
  write(source, partial.path());
  ConversionResult result{.path = out, .report = {}, .gate = gate(source.path, partial.path())};
  const bool is_directory = fs::is_directory(partial.path());
  if (!result.gate.passed) {
    result.path = with_suffix(out, ".failed");
    result.report = is_directory ? result.path / "conversion_report.json"
                                 : with_suffix(result.path, ".report.json");
  }
  replace_output(partial.path(), result.path);
  partial.release();
  folders.keep();
  if (!result.gate.passed)
    io::write_file_atomically(result.report, io::dump_json(result.gate.report, 2) + "\n");
  return result;
}

}  // namespace llm::convert
