#include "llm/eval/verify.h"

namespace llm::eval {

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "pass";
    case Verdict::kFail:
      return "FAIL";
    case Verdict::kNote:
      return "note";
  }
  return "?";
}

io::OrderedJson to_json(const VerifyReport& report) {
  io::OrderedJson rows = io::OrderedJson::array();
  for (const VerifyRow& row : report.rows) {
    rows.push_back({{"check", row.check},
                    {"verdict", verdict_name(row.verdict)},
                    {"source", row.source},
                    {"result", row.result},
                    {"note", row.note}});
  }
  return {{"passed", report.passed()},
          {"source", report.source.string()},
          {"result", report.result.string()},
          {"checks", rows}};
}

}  // namespace llm::eval
