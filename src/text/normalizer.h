// Unicode normalisation forms through ICU (UAX #15). Unassigned code points stay as they are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace llm::text {

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
const char* normal_form_name(NormalForm form);  // "NFC", ...

// Applies forms one after the other. Immutable; safe to use from many threads.
class Normalizer {
 public:
  Normalizer() = default;
  explicit Normalizer(std::vector<NormalForm> forms) : forms_(std::move(forms)) {}
  bool empty() const { return forms_.empty(); }
  const std::vector<NormalForm>& forms() const { return forms_; }
  // The normalised text: `text` itself when nothing changes, else a view of `storage`.
  // Requires: valid UTF-8.
  std::string_view apply(std::string_view text, std::string& storage) const;

 private:
  std::vector<NormalForm> forms_;
};

}  // namespace llm::text
