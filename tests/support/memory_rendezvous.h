#pragma once
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include "engine/comm/rendezvous.h"
#include "engine/core/error.h"

namespace llmrun {

/// The strings that ranks of one process put for each other.
struct MemoryStore {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, std::string> values;
};

/// A rendezvous for ranks that are threads of a test.
class MemoryRendezvous final : public Rendezvous {
 public:
  MemoryRendezvous(Identity identity, MemoryStore& store) : identity_(identity), store_(store) {}
  Identity identity() const override { return identity_; }
  std::string name() const override { return "memory"; }
  void put(const std::string& key, const std::string& value) override {
    std::lock_guard lock(store_.mutex);
    store_.values[key] = value;
    store_.changed.notify_all();
  }
  std::string get(const std::string& key, double timeout_s) override {
    std::unique_lock lock(store_.mutex);
    if (!store_.changed.wait_for(lock, std::chrono::duration<double>(timeout_s), [&] { return store_.values.count(key) > 0; })) {
      throw Error(Exit::failed, "nobody put '{}'", key);
    }
    return store_.values[key];
  }

 private:
  Identity identity_;
  MemoryStore& store_;
};

}  // namespace llmrun
