#pragma once
#include <ATen/Parallel.h>

#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/comm/mesh.h"
#include "engine/comm/thread.h"
#include "engine/core/parameters.h"
#include "engine/core/plan.h"

namespace llmrun {

/// One thread for each rank of `world`, each running `rank_main` on its own communicator. The first exception aborts the world, which
/// frees the other ranks, and is thrown again here. Inside, use CHECK and not REQUIRE.
inline void run_world(const std::vector<std::shared_ptr<Communicator>>& world,
                      const std::function<void(const std::shared_ptr<Communicator>&)>& rank_main) {
  std::mutex mutex;
  std::exception_ptr first;
  std::vector<std::thread> threads;
  for (const auto& rank : world) {
    threads.emplace_back([&, rank] {
      at::set_num_threads(1);
      try {
        rank_main(rank);
      } catch (...) {
        {
          std::lock_guard lock(mutex);
          if (!first) first = std::current_exception();
        }
        rank->abort();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

/// `ranks` ranks as threads of this process.
inline void run_ranks(int ranks, const std::function<void(Communicator& world)>& rank_main) {
  run_world(make_thread_world(ranks), [&](const std::shared_ptr<Communicator>& world) { rank_main(*world); });
}

/// One rank for each place of `layout`, as threads of this process, each with its own Mesh.
inline void run_mesh(const Layout& layout, int64_t kv_heads, const std::function<void(const Mesh& mesh)>& rank_main,
                     int64_t shard_ranks = 1) {
  run_world(make_thread_world(static_cast<int>(layout.ranks())),
            [&](const std::shared_ptr<Communicator>& world) { rank_main(Mesh(world, layout, kv_heads, shard_ranks)); });
}

/// Those of a plan.
inline void run_mesh(const Plan& plan, const std::function<void(const Mesh& mesh)>& rank_main) {
  run_mesh(plan.layout, plan.model.kv_heads, rank_main, shard_ranks(plan.layout, plan.config.parallel));
}

}  // namespace llmrun
