#include "engine/comm/thread_core.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "engine/core/error.h"

namespace llmrun {

struct ThreadGroup::Meeting {
  Call call;
  int first = 0;  // the rank that came first, to name it when another disagrees
  int arrived = 0;
  bool running = false;
  bool done = false;
  std::vector<Part> parts;
};

ThreadGroup::ThreadGroup(int size, std::string name)
    : size_(size), name_(std::move(name)), wake_(size), calls_(size), lines_(static_cast<size_t>(size) * size) {}

std::shared_ptr<ThreadGroup::Meeting> ThreadGroup::arrive(int rank, const Call& call, Part part, const Execute& execute) {
  std::shared_ptr<Meeting> meeting;
  {
    Lock lock(mutex_);
    if (!broken_.empty()) throw_broken(rank, describe(call));
    const uint64_t number = calls_[rank]++;
    auto& slot = meetings_[number];
    if (!slot) slot = std::make_shared<Meeting>(Meeting{.call = call, .first = rank, .parts = std::vector<Part>(size_)});
    meeting = slot;
    if (meeting->call != call) {
      break_with(describe_disagreement(meeting->first, meeting->call, rank, call));
      throw_broken(rank, describe(call));
    }
    meeting->parts[rank] = part;
    if (++meeting->arrived < size_) return meeting;
    meeting->running = true;
    meetings_.erase(number);
  }
  run(*meeting, execute);
  return meeting;
}

void ThreadGroup::run(Meeting& meeting, const Execute& execute) {
  const auto finished = [&](bool done, const char* failure) {
    Lock lock(mutex_);
    meeting.running = false;
    meeting.done = done;
    if (failure) break_with(failure);
    wake_all();
  };
  try {
    execute(meeting.parts);
  } catch (const std::exception& error) {
    finished(false, error.what());
    throw;
  }
  finished(true, nullptr);
}

void ThreadGroup::finish(int rank, Meeting& meeting) {
  Lock lock(mutex_);
  wake_[rank].wait(lock, [&] { return meeting.done || (!broken_.empty() && !meeting.running); });
  if (!meeting.done) throw_broken(rank, describe(meeting.call));
}

void ThreadGroup::send(int from, int to, std::span<const std::byte> message) {
  std::vector<std::byte> copy(message.begin(), message.end());
  Lock lock(mutex_);
  if (!broken_.empty()) throw_broken(from, fmt::format("send of {} bytes to rank {}", message.size(), to));
  Line& queue = line(from, to);
  queue.messages.emplace(queue.sent++, std::move(copy));
  wake_[to].notify_all();
}

uint64_t ThreadGroup::expect(int from, int to) {
  Lock lock(mutex_);
  return line(from, to).expected++;
}

void ThreadGroup::receive(int from, int to, uint64_t number, std::span<std::byte> into) {
  const std::string call = fmt::format("receive of {} bytes from rank {}", into.size(), from);
  std::vector<std::byte> message;
  {
    Lock lock(mutex_);
    auto& messages = line(from, to).messages;
    wake_[to].wait(lock, [&] { return messages.count(number) || !broken_.empty(); });
    if (!messages.count(number)) throw_broken(to, call);
    message = std::move(messages.extract(number).mapped());
    if (message.size() != into.size()) {
      const auto message_of = [](size_t bytes) { return Call{.verb = Verb::message, .count = static_cast<int64_t>(bytes)}; };
      break_with(describe_disagreement(from, message_of(message.size()), to, message_of(into.size())));
      throw_broken(to, call);
    }
  }
  std::memcpy(into.data(), message.data(), message.size());
}

namespace {

struct SplitChoice {
  int color;
  int key;
  ThreadGroup::Seat* seat;
};

/// Seats every rank: one new group a color.
std::vector<std::shared_ptr<ThreadGroup>> seat_by_color(const std::vector<ThreadGroup::Part>& parts, const std::string& name) {
  std::map<int, std::vector<SplitChoice>> by_color;  // parts come in rank order, so a stable sort by key orders by (key, rank)
  for (const auto& part : parts) {
    const auto& choice = *reinterpret_cast<const SplitChoice*>(part.in);
    by_color[choice.color].push_back(choice);
  }
  std::vector<std::shared_ptr<ThreadGroup>> groups;
  for (auto& [color, choices] : by_color) {
    std::stable_sort(choices.begin(), choices.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    const int size = static_cast<int>(choices.size());
    groups.push_back(std::make_shared<ThreadGroup>(size, name));
    for (int rank = 0; rank < size; ++rank) *choices[rank].seat = {groups.back(), rank, size};
  }
  return groups;
}

}  // namespace

ThreadGroup::Seat ThreadGroup::split(int rank, int color, int key, const std::string& name) {
  Seat seat;
  const SplitChoice choice{color, key, &seat};
  const Call call{.verb = Verb::split};
  const auto meeting = arrive(rank, call, {reinterpret_cast<const std::byte*>(&choice), nullptr}, [&](const std::vector<Part>& parts) {
    const auto groups = seat_by_color(parts, name);
    Lock lock(mutex_);
    if (!broken_.empty()) throw_broken(rank, describe(call));
    children_.insert(children_.end(), groups.begin(), groups.end());
  });
  finish(rank, *meeting);
  return seat;
}

void ThreadGroup::abort(const std::string& reason) {
  std::vector<std::weak_ptr<ThreadGroup>> children;
  {
    Lock lock(mutex_);
    break_with(reason);
    children = children_;
  }
  for (const auto& child : children) {
    if (const auto group = child.lock()) group->abort(reason);
  }
}

void ThreadGroup::break_with(const std::string& reason) {
  if (broken_.empty()) broken_ = reason;
  wake_all();
}

void ThreadGroup::wake_all() {
  for (auto& wake : wake_) wake.notify_all();
}

void ThreadGroup::throw_broken(int rank, const std::string& call) const {
  throw Error(Exit::failed, "group '{}', rank {}, {}: {}", name_, rank, call, broken_);
}

}  // namespace llmrun
