#include "tests/fuzz/heap_peak.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

// One thread reads inputs: no atomics.
int64_t live = 0, start = 0, peak = 0;

void* allocate(std::size_t size) {
  void* const block = std::malloc(size);
  if (block == nullptr) throw std::bad_alloc();
  live += static_cast<int64_t>(malloc_usable_size(block));
  peak = std::max(peak, live);
  return block;
}

void release(void* block) noexcept {
  live -= static_cast<int64_t>(malloc_usable_size(block));
  std::free(block);
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* block) noexcept { release(block); }
void operator delete[](void* block) noexcept { release(block); }
void operator delete(void* block, std::size_t) noexcept { release(block); }
void operator delete[](void* block, std::size_t) noexcept { release(block); }

int64_t llmrun::fuzz::heap_peak() { return peak - start; }
void llmrun::fuzz::restart_heap_peak() { start = peak = live; }
