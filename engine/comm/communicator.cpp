#include "engine/comm/communicator.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "engine/core/call_log.h"
#include "engine/core/error.h"

namespace llmrun {
namespace {

/// Adds the time until it goes out of scope to a cell, if there is one.
class Stopwatch {
 public:
  Stopwatch(const std::shared_ptr<Traffic>& traffic, Purpose purpose) : cell_(traffic ? &(*traffic)[purpose] : nullptr) {}
  ~Stopwatch() {
    if (cell_) cell_->seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  Traffic::Cell* cell_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// The base class answers for a group of one; none of these is ever reached.
class Solo final : public Communicator {
 public:
  Solo(std::string name, Purpose purpose) : Communicator(0, 1, std::move(name), purpose) {}
  void abort() noexcept override {}

 private:
  [[noreturn]] void unreachable() const { throw Error(Exit::failed, "group '{}' has one rank and nobody to talk to", name()); }
  Work do_all_reduce(at::Tensor, Reduce) override { unreachable(); }
  Work do_all_gather(at::Tensor, const at::Tensor&) override { unreachable(); }
  Work do_reduce_scatter(at::Tensor, const at::Tensor&, Reduce) override { unreachable(); }
  Work do_broadcast(at::Tensor, int) override { unreachable(); }
  Work do_all_to_all(at::Tensor, const at::Tensor&) override { unreachable(); }
  Work do_send(const at::Tensor&, int) override { unreachable(); }
  Work do_receive(at::Tensor, int) override { unreachable(); }
  std::unique_ptr<Communicator> do_split(const std::vector<int>&, std::string, Purpose) override { unreachable(); }
};

}  // namespace

std::unique_ptr<Communicator> make_solo(std::string name, Purpose purpose) { return std::make_unique<Solo>(std::move(name), purpose); }

Element element_of(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return Element::float32;
    case at::kBFloat16:
      return Element::bfloat16;
    case at::kHalf:
      return Element::float16;
    case at::kDouble:
      return Element::float64;
    case at::kLong:
      return Element::int64;
    case at::kByte:
      return Element::uint8;
    default:
      throw Error(Exit::failed, "a tensor of '{}' cannot be reduced over ranks", c10::toString(tensor.scalar_type()));
  }
}

Work& Work::operator=(Work&& other) {
  if (this == &other) return *this;
  wait();
  finish_ = std::exchange(other.finish_, nullptr);
  abandon_ = std::exchange(other.abandon_, nullptr);
  return *this;
}

Work::~Work() {
  if (!finish_) return;
  if (abandon_ && std::uncaught_exceptions() > 0) abandon_();
  try {
    wait();
  } catch (...) {
    // The group is broken. Its next call says so, or an exception is on its way already; a destructor cannot throw.
  }
}

void Work::wait() {
  abandon_ = nullptr;
  if (auto finish = std::exchange(finish_, nullptr)) finish();
}

/// What every rank gives, flat, in rank order, on the host. A rank that the others leave alone for longer than its patience aborts and says
/// what it waits in: a call of another group, or one that is missing, cannot be compared.
at::Tensor Communicator::gather_numbers(const at::Tensor& mine, const Call& call) {
  std::atomic<bool> overdue = false;
  const std::jthread watch([&](const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any never;
    if (never.wait_for(lock, stop, patience_, [] { return false; }) || stop.stop_requested()) return;
    overdue = true;
    abort();
  });
  at::Tensor all = at::zeros({size_ * mine.numel()}, mine.options().device(home()));
  try {
    do_all_gather(all, mine.to(home())).wait();
    all = all.cpu();
    if (!overdue) return all;
  } catch (const Error&) {
    if (!overdue) throw;
  }
  throw Error(Exit::failed, "group '{}', rank {}: waits in {}, and after {:g} s not all of its {} ranks are there", name_, rank_,
              describe(call), std::chrono::duration<double>(patience_).count(), size_)
      .hint("what the others wait in is in their logs: llmrun tail RUN -r all --level error");
}

/// Each rank's call as five numbers; all ranks see all of them, and so all come to the same verdict.
void Communicator::compare(const Call& call) {
  if (!compares_calls_ || size_ == 1) return;
  const std::array<int64_t, 5> own{static_cast<int64_t>(call.verb), static_cast<int64_t>(call.element), static_cast<int64_t>(call.how),
                                   call.root, call.count};
  at::Tensor mine = at::zeros({std::ssize(own)}, at::TensorOptions().dtype(at::kLong));
  std::copy(own.begin(), own.end(), mine.mutable_data_ptr<int64_t>());
  const at::Tensor all = gather_numbers(mine, call);
  const auto call_of = [&](int rank) {
    const int64_t* n = all.const_data_ptr<int64_t>() + rank * std::ssize(own);
    return Call{static_cast<Verb>(n[0]), static_cast<Element>(n[1]), static_cast<Reduce>(n[2]), static_cast<int32_t>(n[3]), n[4]};
  };
  for (int rank = 1; rank < size_; ++rank)
    if (call_of(rank) != call_of(0))
      throw Error(Exit::failed, "group '{}': {}", name_, describe_disagreement(rank, call_of(rank), 0, call_of(0)));
}

/// Runs a call under the stopwatch, and its wait too; both are noted where somebody keeps a log.
template <typename Start>
Work Communicator::timed(Verb verb, int64_t bytes, Start start) {
  CallLog* log = traffic_ ? traffic_->log : nullptr;
  const size_t entry = log ? log->make(purpose_, verb, bytes) : 0;
  Stopwatch stopwatch(traffic_, purpose_);
  auto work = std::make_shared<Work>(start());
  return Work(
      [work, traffic = traffic_, purpose = purpose_, log, entry] {
        Stopwatch stopwatch(traffic, purpose);
        const bool logs = log && traffic->log == log;  // it may be gone by now
        if (logs) log->ask(entry);
        work->wait();
        if (logs) log->end(entry);
      },
      [this] { abort(); });
}

template <typename Start>
Work Communicator::counted(Verb verb, int64_t bytes, Start start) {
  if (traffic_) (*traffic_)[purpose_].add(verb, bytes);
  if (bytes == 0) return {};
  return timed(verb, bytes, start);
}

void Communicator::check(const char* call, std::initializer_list<const at::Tensor*> tensors) const {
  for (const at::Tensor* tensor : tensors) {
    if (!tensor->is_contiguous()) throw Error(Exit::failed, "{} of group '{}' takes contiguous tensors only", call, name_);
    if (tensor->scalar_type() != (*tensors.begin())->scalar_type()) {
      throw Error(Exit::failed, "{} of group '{}' has tensors of '{}' and '{}'", call, name_,
                  c10::toString((*tensors.begin())->scalar_type()), c10::toString(tensor->scalar_type()));
    }
  }
}

void Communicator::check_parts(const char* call, const at::Tensor& whole, const at::Tensor& part) const {
  check(call, {&whole, &part});
  if (whole.numel() != part.numel() * size_) {
    throw Error(Exit::failed, "{} of group '{}': the whole has {} elements, and the parts of {} ranks have {} each", call, name_,
                whole.numel(), size_, part.numel());
  }
}

void Communicator::check_peer(const char* call, int peer) const {
  if (peer < 0 || peer >= size_ || peer == rank_) {
    throw Error(Exit::failed, "{} on rank {} of group '{}': rank {} is not another rank of its {}", call, rank_, name_, peer, size_);
  }
}

Work Communicator::all_reduce(at::Tensor inout, Reduce how) {
  check("all_reduce", {&inout});
  if (size_ == 1) return {};
  compare({Verb::all_reduce, element_of(inout), how, -1, inout.numel()});
  return counted(Verb::all_reduce, inout.nbytes(), [&] { return do_all_reduce(inout, how); });
}

Work Communicator::all_gather(at::Tensor out, const at::Tensor& shard) {
  check_parts("all_gather", out, shard);
  if (size_ == 1) {
    out.view({-1}).copy_(shard.view({-1}));
    return {};
  }
  compare({Verb::all_gather, Element::bytes, Reduce::sum, -1, static_cast<int64_t>(out.nbytes())});
  return counted(Verb::all_gather, out.nbytes(), [&] { return do_all_gather(out, shard); });
}

Work Communicator::reduce_scatter(at::Tensor shard, const at::Tensor& whole, Reduce how) {
  check_parts("reduce_scatter", whole, shard);
  if (size_ == 1) {
    shard.view({-1}).copy_(whole.view({-1}));
    return {};
  }
  compare({Verb::reduce_scatter, element_of(whole), how, -1, whole.numel()});
  return counted(Verb::reduce_scatter, whole.nbytes(), [&] { return do_reduce_scatter(shard, whole, how); });
}

Work Communicator::broadcast(at::Tensor inout, int root) {
  check("broadcast", {&inout});
  if (root < 0 || root >= size_) throw Error(Exit::failed, "broadcast of group '{}': no rank {} among its {}", name_, root, size_);
  if (size_ == 1) return {};
  compare({Verb::broadcast, Element::bytes, Reduce::sum, root, static_cast<int64_t>(inout.nbytes())});
  return counted(Verb::broadcast, inout.nbytes(), [&] { return do_broadcast(inout, root); });
}

Work Communicator::all_to_all(at::Tensor out, const at::Tensor& in) {
  check("all_to_all", {&out, &in});
  if (out.numel() != in.numel() || in.numel() % size_ != 0) {
    throw Error(Exit::failed, "all_to_all of group '{}': {} elements in, {} out, for {} equal parts", name_, in.numel(), out.numel(),
                size_);
  }
  if (size_ == 1) {
    out.view({-1}).copy_(in.view({-1}));
    return {};
  }
  compare({Verb::all_to_all, Element::bytes, Reduce::sum, -1, static_cast<int64_t>(in.nbytes())});
  return counted(Verb::all_to_all, in.nbytes(), [&] { return do_all_to_all(out, in); });
}

Work Communicator::send(const at::Tensor& tensor, int to) {
  check("send", {&tensor});
  check_peer("send", to);
  return counted(Verb::message, tensor.nbytes(), [&] { return do_send(tensor, to); });
}

Work Communicator::receive(at::Tensor tensor, int from) {
  check("receive", {&tensor});
  check_peer("receive", from);
  if (tensor.numel() == 0) return {};
  return timed(Verb::message, tensor.nbytes(), [&] { return do_receive(tensor, from); });
}

void Communicator::barrier() {
  if (size_ == 1) return;
  compare({Verb::barrier});
  if (traffic_) (*traffic_)[purpose_].add(Verb::barrier, 0);
  Stopwatch stopwatch(traffic_, purpose_);
  do_barrier();
}

void Communicator::do_barrier() { do_all_reduce(at::zeros({1}, at::kByte), Reduce::max).wait(); }

std::unique_ptr<Communicator> Communicator::split(const std::vector<int>& members, std::string name, Purpose purpose) {
  compare({Verb::split});
  auto part = size_ == 1 ? make_solo(name, purpose) : do_split(members, name, purpose);
  if (part->size() == 1) part = make_solo(std::move(name), purpose);
  part->count_into(traffic_);
  part->compare_calls(compares_calls_, patience_);
  return part;
}

}  // namespace llmrun
