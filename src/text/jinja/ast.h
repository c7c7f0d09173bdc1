// The tree of a template.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace llm::text::jinja {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct CallArgs {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr star;         // *args
  ExprPtr double_star;  // **kwargs
};

enum class ExprKind {
  kConstant,
  kName,
  kNamespaceField,  // only as the target of an assignment: name.field
  kTuple,
  kList,
  kDict,     // operands: key, value, key, value, ...
  kUnary,    // name: + or -
  kBinary,   // name: the operator
  kConcat,   // ~
  kCompare,  // operators between the operands
  kNot,
  kAnd,
  kOr,
  kCondition,  // then, condition, [else]
  kAttribute,  // operand.name
  kItem,       // operand[operand]
  kSlice,      // begin, end, step; absent ones are null
  kCall,
  kFilter,  // no operand: the text of a {% filter %} or {% set %} block
  kTest,
};

struct Expr {
  ExprKind kind = ExprKind::kConstant;
  int line = 1;
  int depth = 1;  // of the tree below
  std::string name;
  std::string field;
  Value constant;
  std::vector<ExprPtr> operands;
  std::vector<std::string> operators;
  CallArgs call;
};

struct Stmt;
using Body = std::vector<std::unique_ptr<Stmt>>;

enum class StmtKind {
  kText,
  kPrint,
  kFor,
  kIf,
  kSet,
  kSetBlock,
  kMacro,
  kCallBlock,
  kFilterBlock,
  kWith,
  kBlock,
  kGeneration,
  kBreak,
  kContinue,
};

// A macro, or the body of a call block.
struct MacroSpec {
  std::string name;
  std::vector<std::string> parameters;
  std::vector<ExprPtr> defaults;  // of the last parameters
  bool uses_varargs = false;
  bool uses_kwargs = false;
  bool uses_caller = false;
};

struct Branch {
  ExprPtr condition;
  Body body;
};

struct Stmt {
  StmtKind kind = StmtKind::kText;
  int line = 1;
  Value text;                    // kText
  std::vector<ExprPtr> targets;  // kFor, kSet, kSetBlock: one; kWith: any number
  std::vector<ExprPtr> values;   // kPrint, kFor, kSet, kCallBlock, filters: one; kWith
  ExprPtr condition;             // kFor: its filter
  std::vector<Branch> branches;  // kIf
  Body body;
  Body otherwise;  // else
  bool is_recursive = false;
  MacroSpec macro;
};

struct TemplateTree {
  Body body;
  bool has_generation = false;  // a {% generation %} block somewhere
};

}  // namespace llm::text::jinja
