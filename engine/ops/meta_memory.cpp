#include "engine/ops/meta_memory.h"

#include <algorithm>

namespace llmrun {

struct MetaMemory::Block {
  std::shared_ptr<Pools> pools;
  Bytes& pool;
  int64_t bytes;
};

MetaMemory::MetaMemory() : below_(*c10::GetAllocator(c10::DeviceType::Meta)) { c10::SetAllocator(c10::DeviceType::Meta, this); }

MetaMemory::~MetaMemory() { c10::SetAllocator(c10::DeviceType::Meta, &below_); }

c10::DataPtr MetaMemory::allocate(size_t bytes) {
  Bytes& pool = on_host ? pools_->host : pools_->device;
  pool.now += static_cast<int64_t>(bytes);
  pool.peak = std::max(pool.peak, pool.now);
  return {nullptr, new Block{pools_, pool, static_cast<int64_t>(bytes)}, &release, c10::Device(c10::DeviceType::Meta)};
}

void MetaMemory::release(void* block) {
  const std::unique_ptr<Block> released(static_cast<Block*>(block));
  released->pool.now -= released->bytes;
}

}  // namespace llmrun
