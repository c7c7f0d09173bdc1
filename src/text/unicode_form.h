// Unicode normalisation forms through ICU (UAX #15).
#pragma once

#include "text/normalizer.h"

namespace llm::text {

class UnicodeForm final : public NormalizerPart {
 public:
  explicit UnicodeForm(NormalForm form) : form_(form) {}
  bool apply(std::string_view text, std::string& out) const override;

 private:
  NormalForm form_;
};

}  // namespace llm::text
