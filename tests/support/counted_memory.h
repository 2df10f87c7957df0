#pragma once
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace llmrun {

/// Bytes of the tensors that one thread allocates, wherever they are freed.
class CountedMemory {
 public:
  int64_t now() const { return now_.load(); }
  int64_t peak() const { return peak_.load(); }
  void forget_peak() { peak_ = now_.load(); }

  void add(int64_t bytes) {
    const int64_t now = now_ += bytes;
    if (bytes > 0) peak_ = std::max(peak_.load(), now);
  }

 private:
  std::atomic<int64_t> now_{0}, peak_{0};  // the peak is the allocating thread's alone
};

/// While it lives, LibTorch's CPU memory is counted, for each thread that says which counter is its own.
class CountingAllocator final : public c10::Allocator {
 public:
  CountingAllocator() : below_(*c10::GetCPUAllocator()) { c10::SetCPUAllocator(this, /*priority=*/100); }
  ~CountingAllocator() override { c10::SetCPUAllocator(&below_, /*priority=*/100); }

  static std::shared_ptr<CountedMemory>& of_this_thread() {
    thread_local std::shared_ptr<CountedMemory> memory;
    return memory;
  }

  /// What is allocated begins behind a line of the cache that knows whose it is: LibTorch wants the address itself as what is freed.
  c10::DataPtr allocate(size_t bytes) override {
    void* line = std::aligned_alloc(kLine, kLine + (bytes + kLine - 1) / kLine * kLine);
    if (line == nullptr) throw std::bad_alloc();
    auto* block = new (line) Block{of_this_thread(), static_cast<int64_t>(bytes)};
    if (block->memory) block->memory->add(block->bytes);
    void* data = static_cast<char*>(line) + kLine;
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { std::memcpy(to, from, bytes); }

 private:
  static constexpr size_t kLine = 64;
  struct Block {
    std::shared_ptr<CountedMemory> memory;
    int64_t bytes;
  };
  static_assert(sizeof(Block) <= kLine);

  static void release(void* data) {
    auto* block = reinterpret_cast<Block*>(static_cast<char*>(data) - kLine);
    if (block->memory) block->memory->add(-block->bytes);
    block->~Block();
    std::free(block);
  }

  c10::Allocator& below_;
};

}  // namespace llmrun
