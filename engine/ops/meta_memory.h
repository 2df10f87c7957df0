#pragma once
#include <c10/core/Allocator.h>

#include <cstdint>
#include <memory>

namespace llmrun {

/// Counts the bytes of tensors on LibTorch's meta device, which have sizes and no memory: what a rank would hold, where its step is made
/// without data (train/trace_rank.h). While it lives, of the whole process; one at a time, one thread.
class MetaMemory final : public c10::Allocator {
 public:
  struct Bytes {
    int64_t now = 0, peak = 0;
  };

  MetaMemory();
  ~MetaMemory() override;

  const Bytes& device() const { return pools_->device; }
  const Bytes& host() const { return pools_->host; }

  /// While it lives, tensors are counted as host memory.
  class OnHost {
   public:
    OnHost() : before_(on_host) { on_host = true; }
    ~OnHost() { on_host = before_; }
    OnHost(const OnHost&) = delete;

   private:
    bool before_;
  };

  c10::DataPtr allocate(size_t bytes) override;
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void*, const void*, std::size_t) const override {}

 private:
  struct Pools {
    Bytes device, host;
  };
  struct Block;
  static void release(void* block);
  inline static thread_local bool on_host = false;

  std::shared_ptr<Pools> pools_ = std::make_shared<Pools>();  // shared: a tensor may outlive the count
  c10::Allocator& below_;
};

}  // namespace llmrun
