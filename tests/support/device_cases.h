// The device x type grid of the kernel tests. CUDA instances are registered always and skip
// themselves where there is no device, so that the report names them.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>

namespace llm::test {

struct DeviceCase {
  at::DeviceType device;
  at::ScalarType type;

  at::TensorOptions options() const { return at::TensorOptions(device).dtype(type); }
};

inline std::string name_of(const ::testing::TestParamInfo<DeviceCase>& info) {
  return std::string(info.param.device == at::kCUDA ? "Cuda" : "Cpu") +
         at::toString(info.param.type);
}

class DeviceTest : public ::testing::TestWithParam<DeviceCase> {
 protected:
  void SetUp() override {
    if (GetParam().device == at::kCUDA && !at::hasCUDA()) GTEST_SKIP() << "skipped: no CUDA device";
    at::manual_seed(1234);
  }

  at::TensorOptions options() const { return GetParam().options(); }
  at::Tensor normal(at::IntArrayRef sizes) const {
    return at::randn(sizes, at::kFloat).to(GetParam().device, GetParam().type);
  }
};

inline const auto kDeviceCases =
    ::testing::Values(DeviceCase{at::kCPU, at::kFloat}, DeviceCase{at::kCPU, at::kDouble},
                      DeviceCase{at::kCPU, at::kBFloat16}, DeviceCase{at::kCUDA, at::kFloat},
                      DeviceCase{at::kCUDA, at::kBFloat16});

}  // namespace llm::test
