// Numbers that went through fp32 on their way from one decimal text to another.
#pragma once

namespace llm::core {

// The double that the shortest decimal of an fp32 value stands for: 1e-05F -> 1e-05.
double shortest_decimal(double fp32_value);

}  // namespace llm::core
