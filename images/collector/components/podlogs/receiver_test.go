package podlogs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// memory is a storage that outlives the receivers of a test.
type memory struct {
	mutex sync.Mutex
	held  map[string][]byte
}

func (m *memory) Start(context.Context, component.Host) error { return nil }
func (m *memory) Shutdown(context.Context) error              { return nil }
func (m *memory) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{memoryID: m}
}
func (m *memory) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return m, nil
}
func (m *memory) Get(_ context.Context, key string) ([]byte, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return slices.Clone(m.held[key]), nil
}
func (m *memory) Set(ctx context.Context, key string, value []byte) error {
	return m.Batch(ctx, storage.SetOperation(key, value))
}
func (m *memory) Delete(context.Context, string) error { return nil }
func (m *memory) Close(context.Context) error          { return nil }
func (m *memory) Batch(_ context.Context, operations ...*storage.Operation) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, operation := range operations {
		switch operation.Type {
		case storage.Get:
			operation.Value = slices.Clone(m.held[operation.Key])
		case storage.Set:
			m.held[operation.Key] = slices.Clone(operation.Value)
		}
	}
	return nil
}

var (
	memoryID                     = component.MustNewID("memory")
	_        extension.Extension = (*memory)(nil)
)

// bed is a folder of logs, a storage, and a queue that can be full.
type bed struct {
	*testing.T
	path   string
	memory memory
	full   atomic.Bool
	// waiting counts the batches that were refused and not taken since.
	waiting atomic.Int64
	refused sync.Map
	logs    consumertest.LogsSink
}

func newBed(t *testing.T) *bed {
	path := filepath.Join(t.TempDir(), "pods", "trading_api_1", "api", "0.log")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	return &bed{T: t, path: path, memory: memory{held: map[string][]byte{}}}
}

func (b *bed) write(text string) {
	file, err := os.OpenFile(b.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = file.WriteString(text)
	}
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bed) start() receiver.Logs {
	config := defaultConfig().(*Config)
	config.Include = []string{filepath.Join(filepath.Dir(b.path), "*.log*")}
	config.Storage, config.PollInterval, config.FlushPeriod = &memoryID, 10*time.Millisecond, 100*time.Millisecond
	config.Retry = RetryConfig{InitialInterval: 5 * time.Millisecond, MaxInterval: 10 * time.Millisecond}
	next, _ := consumer.NewLogs(func(ctx context.Context, logs plog.Logs) error {
		if b.full.Load() {
			if _, again := b.refused.LoadOrStore(fmt.Sprint(bodies(recordsOf(logs))), true); !again {
				b.waiting.Add(1)
			}
			return errors.New("the queue is full")
		}
		return b.logs.ConsumeLogs(ctx, logs)
	})
	if err := config.Validate(); err != nil {
		b.Fatal(err)
	}
	created, err := NewFactory().CreateLogs(b.Context(), receivertest.NewNopSettings(component.MustNewType("pod_logs")), config, next)
	if err == nil {
		err = created.Start(b.Context(), &b.memory)
	}
	if err != nil {
		b.Fatal(err)
	}
	return created
}

func (b *bed) stop(running receiver.Logs) {
	if err := running.Shutdown(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func (b *bed) found() []string {
	var found []string
	for _, logs := range b.logs.AllLogs() {
		found = append(found, bodies(recordsOf(logs))...)
	}
	return found
}

func (b *bed) wait(count int) []string {
	b.Helper()
	for begun := time.Now(); time.Since(begun) < 10*time.Second && len(b.found()) < count; {
		time.Sleep(5 * time.Millisecond)
	}
	return b.found()
}

func numbered(first, count int) []string {
	var lines []string
	for number := first; number < first+count; number++ {
		lines = append(lines, fmt.Sprintf("number %d", number))
	}
	return lines
}

func TestWhatAFullQueueRefusesIsReadAgainAfterAStop(t *testing.T) {
	b := newBed(t)
	b.write(cri("stdout", numbered(0, 300)...))
	b.full.Store(true)
	running := b.start()
	time.Sleep(100 * time.Millisecond)
	b.stop(running)
	expect(t, len(b.found()), 0)
	b.full.Store(false)
	running = b.start()
	expect(t, b.wait(300), numbered(0, 300))
	b.stop(running)
}

func TestAQueueThatIsFullForAWhileLosesAndDoublesNothing(t *testing.T) {
	b := newBed(t)
	b.full.Store(true)
	running := b.start()
	b.write(cri("stdout", numbered(0, 300)...))
	time.Sleep(100 * time.Millisecond)
	b.write(cri("stdout", numbered(300, 100)...))
	b.full.Store(false)
	expect(t, b.wait(400), numbered(0, 400))
	b.stop(running)
}

func TestATraceThatWaitsWhenTheReceiverStopsIsWholeAfterwards(t *testing.T) {
	b := newBed(t)
	running := b.start()
	b.write(cri("stderr", "before", "Traceback (most recent call last):", `  File "/app/a.py", line 1, in a`))
	expect(t, b.wait(1), []string{"before"})
	b.stop(running)
	b.write(cri("stderr", "KeyError: 'x'", "after"))
	running = b.start()
	expect(t, b.wait(3), []string{"before", "Traceback (most recent call last):\n  File \"/app/a.py\", line 1, in a\nKeyError: 'x'", "after"})
	b.stop(running)
}

func TestATraceAtAFilesEndIsHandedOnWhenTheFileHasNotGrown(t *testing.T) {
	b := newBed(t)
	running := b.start()
	b.write(cri("stderr", "Error: x", "    at y"))
	expect(t, b.wait(1), []string{"Error: x\n    at y"})
	b.write(cri("stderr", "next"))
	expect(t, b.wait(2), []string{"Error: x\n    at y", "next"})
	b.stop(running)
}

// The records of a batch hold what was read, whatever is read after them into the same memory.
func TestRecordsKeepTheirTexts(t *testing.T) {
	b := newBed(t)
	running := b.start()
	var expected []string
	for turn := range 5 {
		var lines []string
		for number := range 400 {
			expected = append(expected, fmt.Sprintf("%d of %d", number, turn))
			lines = append(lines, fmt.Sprintf(`{"msg":"%d of %d","text":"%d \u00e9 %d"}`, number, turn, number, turn))
		}
		b.write(cri("stdout", lines...))
		b.wait(400 * (turn + 1))
	}
	expect(t, b.found(), expected)
	for _, logs := range b.logs.AllLogs() {
		for _, record := range recordsOf(logs) {
			var number, turn int
			_, _ = fmt.Sscanf(record.Body().Str(), "%d of %d", &number, &turn)
			expect(t, members(record)["text"], any(fmt.Sprintf("%d é %d", number, turn)))
		}
	}
	b.stop(running)
}

func TestAboveItsBoundNoMoreIsRead(t *testing.T) {
	var p pieces
	text := []byte(cri("stdout", "line"))
	p.read.Store(maxRead + 1)
	if advance, _, err := p.split(text, false); advance != 0 || err == nil {
		t.Error("it reads on")
	}
	p.release(2)
	if p.read.Load() != maxRead-1 {
		t.Error("it forgets what is read")
	}
	if advance, _, err := p.split(text, false); advance != len(text) || err != nil {
		t.Error("it does not read on")
	}
}

func TestWhatIsHandedOnWithoutBeingAskedForIsNotOwed(t *testing.T) {
	var p pieces
	p.release(1000)
	expect(t, p.read.Load(), 0)
}

func TestAFullQueueKeepsFewBatchesInMemory(t *testing.T) {
	b := newBed(t)
	b.full.Store(true)
	first := b.path
	for number := range 50 {
		b.path = filepath.Join(filepath.Dir(first), fmt.Sprintf("%d.log", number))
		b.write(cri("stdout", fmt.Sprint("file ", number)))
	}
	running := b.start()
	time.Sleep(200 * time.Millisecond)
	if waiting := b.waiting.Load(); waiting == 0 || waiting > 4 {
		t.Errorf("%d batches wait", waiting)
	}
	b.full.Store(false)
	if found := len(b.wait(50)); found != 50 {
		t.Errorf("%d of 50 files", found)
	}
	b.stop(running)
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"no window":        func(c *Config) { c.Time.After = 0 },
		"no pause":         func(c *Config) { c.Retry.InitialInterval = 0 },
		"a longest pause":  func(c *Config) { c.Retry.MaxInterval = time.Millisecond },
		"lines too short":  func(c *Config) { c.MaxLogSize = 1000 },
		"another encoding": func(c *Config) { c.Encoding = "utf-16" },
		"no path":          func(c *Config) { c.IncludeFilePath = false },
	} {
		config := defaultConfig().(*Config)
		if err := config.Validate(); err != nil {
			t.Fatal(err)
		}
		if spoil(config); config.Validate() == nil {
			t.Error(name)
		}
	}
}
