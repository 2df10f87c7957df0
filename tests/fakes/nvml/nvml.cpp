// Stands for NVIDIA's libnvidia-ml.so.1: a driver that knows FAKE_GPUS GPUs of 40 GiB. Only what launcher/topo/nvml.cpp calls.
#include <cstdlib>

namespace {

constexpr int kSuccess = 0, kInvalidArgument = 2;

struct Memory {
  unsigned long long total, free, used;
};

unsigned count() {
  const char* text = std::getenv("FAKE_GPUS");
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : 0;
}

}  // namespace

extern "C" {

int nvmlInit_v2() { return kSuccess; }
int nvmlShutdown() { return kSuccess; }
int nvmlDeviceGetCount_v2(unsigned* devices) {
  *devices = count();
  return kSuccess;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  *device = device;
  return index < count() ? kSuccess : kInvalidArgument;
}
int nvmlDeviceGetMemoryInfo(void*, Memory* memory) {
  *memory = {40ULL << 30, 40ULL << 30, 0};
  return kSuccess;
}
}
