#include "llm/convert/import_directory.h"

#include <ATen/ATen.h>

#include <utility>

#include "convert/model_files.h"
#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/io/atomic_file.h"
#include "llm/tensor/device.h"

namespace llm::convert {
namespace {

namespace fs = std::filesystem;

fs::path with_suffix(fs::path path, const char* suffix) { return path += suffix; }

// OUT without a trailing slash, absolute, so that OUT.partial is its neighbour.
fs::path output_path(const fs::path& out) {
  const fs::path path = fs::absolute(out).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

void require_free_output(const fs::path& source, const fs::path& out, bool force) {
  if (!fs::exists(out)) return;
  if (fs::equivalent(source, out)) {
    throw core::ConfigError({.where = "--out",
                             .expected = "another directory than --from",
                             .got = out.string(),
                             .hint = "Choose a new name."});
  }
  if (!force) {
    throw core::ConfigError({.where = "--out",
                             .expected = "a name that does not exist yet",
                             .got = out.string() + ", which exists",
                             .hint = "Choose a new name, or replace it with --force."});
  }
  const bool replaceable =
      fs::is_directory(out) && (fs::is_empty(out) || fs::exists(out / "config.json"));
  if (!replaceable) {
    throw core::ConfigError({.where = "--out",
                             .expected = "a model directory to replace",
                             .got = out.string() + ", which is something else",
                             .hint = "Choose a new name; --force replaces models only."});
  }
}

at::ScalarType widest_dtype(const WeightFiles& files,
                            const std::vector<arch::ParameterSpec>& specs) {
  at::ScalarType widest = tensor::to_scalar_type(files.entry(specs.front().name).dtype);
  for (const arch::ParameterSpec& spec : specs) {
    widest = at::promote_types(widest, tensor::to_scalar_type(files.entry(spec.name).dtype));
  }
  return widest == at::kDouble ? at::kFloat : widest;
}

// The source's own files byte for byte where they are Hugging Face's, so that no key of them is
// lost; else the tokenizer in that form.
void write_tokenizer(const fs::path& source, const fs::path& out,
                     const text::Tokenizer* tokenizer) {
  if (!tokenizer) return;
  if (!fs::exists(source / "tokenizer.json")) {
    tokenizer->save(out);
    return;
  }
  for (const char* name :
       {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.model"}) {
    if (fs::exists(source / name)) fs::copy_file(source / name, out / name);
  }
}

void build(const fs::path& source, const fs::path& out, const ImportOptions& options) {
  const arch::ModelConfig config = read_directory_config(source, options.strict);
  const auto tokenizer = read_directory_tokenizer(source, config, false);
  const GenerationConfig generation = read_generation_config(source);
  const std::string chat_template = read_chat_template(source);
  const WeightFiles files(source);
  require_exact_weights(files, config);
  const std::vector<arch::ParameterSpec> specs = arch::parameter_specs(config);
  const SaveOptions save{.dtype = options.dtype ? *options.dtype : widest_dtype(files, specs),
                         .max_shard_bytes = options.max_shard_bytes};
  fs::create_directories(out);
  write_model_config(out, config, save.dtype);
  write_tokenizer(source, out, tokenizer.get());
  write_generation_files(out, generation, chat_template);
  write_weights(
      out, specs, [&](const arch::ParameterSpec& spec) { return files.view(spec.name); }, save);
}

void replace_directory(const fs::path& from, const fs::path& to) {
  const fs::path old = with_suffix(to, ".replaced");
  fs::remove_all(old);
  if (fs::exists(to)) fs::rename(to, old);
  fs::rename(from, to);
  fs::remove_all(old);
  io::sync_directory(to.parent_path());
}

// Removes what it names unless released.
class PartialDirectory {
 public:
  explicit PartialDirectory(fs::path path) : path_(std::move(path)) { fs::remove_all(path_); }
  ~PartialDirectory() {
    std::error_code ignored;
    if (!released_) fs::remove_all(path_, ignored);
  }
  PartialDirectory(const PartialDirectory&) = delete;
  PartialDirectory& operator=(const PartialDirectory&) = delete;
  const fs::path& path() const { return path_; }
  void release() { released_ = true; }

 private:
  fs::path path_;
  bool released_ = false;
};

}  // namespace

ImportResult import_directory(const ImportOptions& options, const ImportGate& gate) {
  const fs::path source = resolve_model_directory(options.from);
  const fs::path out = output_path(options.out);
  require_free_output(source, out, options.force);
  PartialDirectory partial(with_suffix(out, ".partial"));
  build(source, partial.path(), options);
  ImportResult result{.directory = out, .gate = gate(source, partial.path())};
  if (!result.gate.passed) {
    result.directory = with_suffix(out, ".failed");
    io::write_file_atomically(partial.path() / "import_report.json",
                              result.gate.report.dump(2) + "\n");
  }
  replace_directory(partial.path(), result.directory);
  partial.release();
  return result;
}

}  // namespace llm::convert
