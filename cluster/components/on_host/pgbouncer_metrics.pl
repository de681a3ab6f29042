#!/usr/bin/perl
# Written by pyinfra-patroni. Changes made here are lost at its next run.
#
# pgbouncer-metrics USER NAME=SOCKET...: what processes of PgBouncer say on their consoles, as metrics. Their names are
# those of prometheus-community's pgbouncer_exporter, with the label "process" beside its own. A process that does not
# answer has pgbouncer_up 0 and nothing else, and hides nothing of the others. No modules: they would cost more than all
# the rest, at every scrape. Numbers instead of names for the reason that haproxy-serves has.
use strict;
use warnings;

my $seconds = 2;

# A question; which of its columns are labels, by their names there; and metrics, with what their values are divided by.
my @questions = (
    ['SHOW POOLS', { database => 'database', user => 'user' }, {
        cl_active => 'pools_client_active_connections', cl_waiting => 'pools_client_waiting_connections',
        cl_cancel_req => 'pools_client_cancel_connections', sv_active => 'pools_server_active_connections',
        sv_idle => 'pools_server_idle_connections', sv_used => 'pools_server_used_connections',
        sv_tested => 'pools_server_testing_connections', sv_login => 'pools_server_login_connections',
        maxwait => 'pools_client_maxwait_seconds',
    }, 1],
    ['SHOW DATABASES', { name => 'name', database => 'database' }, {
        pool_size => 'databases_pool_size', max_connections => 'databases_max_connections',
        current_connections => 'databases_current_connections', paused => 'databases_paused',
        disabled => 'databases_disabled',
    }, 1],
    ['SHOW STATS_TOTALS', { database => 'database' }, {
        xact_count => 'stats_sql_transactions_pooled_total', query_count => 'stats_queries_pooled_total',
        bytes_received => 'stats_received_bytes_total', bytes_sent => 'stats_sent_bytes_total',
    }, 1],
    ['SHOW STATS_TOTALS', { database => 'database' }, {
        xact_time => 'stats_server_in_transaction_seconds_total', query_time => 'stats_queries_duration_seconds_total',
        wait_time => 'stats_client_wait_seconds_total',
    }, 1_000_000],
);
# The same of a question with one value a row.
my @lists = (
    ['SHOW LISTS', 'list', 'items', { map { $_ => $_ }
        qw(databases users pools free_clients used_clients login_clients free_servers used_servers) }],
    ['SHOW CONFIG', 'key', 'value', {
        max_client_conn => 'config_max_client_connections', max_user_connections => 'config_max_user_connections' }],
);

my (%lines, $rest, $console);

sub taken {
    my ($count) = @_;
    while (length $rest < $count) {
        sysread $console, $rest, 65_536, length $rest or die "it closed the connection\n";
    }
    return substr $rest, 0, $count, '';
}

# The rows of what comes until PgBouncer takes the next question, each by the names of its columns.
sub answer {
    my (@names, @rows);
    while (1) {
        my ($kind, $size) = unpack 'a N', taken(5);
        my $body = taken($size - 4);
        if ($kind eq 'Z') { return @rows }
        if ($kind eq 'E') { die join(' ', split /\0/, $body), "\n" }
        if ($kind eq 'R' && unpack('N', $body)) { die "it asks for a password\n" }
        if ($kind eq 'T') { @names = unpack 'x2 (Z* x18)*', $body }
        if ($kind eq 'D') {
            my ($place, %row) = (2);
            for my $name (@names) {
                my $length = unpack 'l>', substr $body, $place, 4;
                $row{$name} = $length < 0 ? '' : substr $body, $place + 4, $length;
                $place += 4 + ($length < 0 ? 0 : $length);
            }
            push @rows, \%row;
        }
    }
}

sub asked {
    my ($question) = @_;
    syswrite $console, pack('a N Z*', 'Q', 5 + length $question, $question) or die "it takes no question: $!\n";
    return answer();
}

sub told {
    my ($metric, $value, @labels) = @_;
    my @shown;
    while (my ($name, $text) = splice @labels, 0, 2) {
        $text =~ s/([\\"])/\\$1/g;
        $text =~ s/\n/\\n/g;
        push @shown, qq($name="$text");
    }
    push @{ $lines{$metric} }, 'pgbouncer_' . $metric . '{' . join(',', @shown) . "} $value\n";
}

sub ask_all {
    my ($name, $path, $user) = @_;
    $rest = '';
    socket $console, 1, 1, 0 or die "$!\n";
    connect $console, pack 'S a*', 1, "$path\0" or die "it takes no connection: $!\n";
    my $words = "user\0$user\0database\0pgbouncer\0\0";
    syswrite $console, pack('N N a*', 8 + length $words, 196_608, $words) or die "it takes no login: $!\n";
    answer();
    for my $one (@questions) {
        my ($question, $labels, $metrics, $parts) = @$one;
        for my $row (asked($question)) {
            my @labels = map { $labels->{$_}, $row->{$_} } sort keys %$labels;
            for my $column (sort keys %$metrics) {
                next if !length($row->{$column} // '');
                told($metrics->{$column}, $row->{$column} / $parts, 'process', $name, @labels);
            }
        }
    }
    for my $one (@lists) {
        my ($question, $key, $value, $metrics) = @$one;
        for my $row (grep { $metrics->{ $_->{$key} } } asked($question)) {
            told($metrics->{ $row->{$key} }, $row->{$value}, 'process', $name);
        }
    }
}

$SIG{ALRM} = sub { die "it does not answer\n" };
my ($user, @places) = @ARGV;
for my $place (@places) {
    my ($name, $path) = split /=/, $place, 2;
    my %before = map { $_ => scalar @{ $lines{$_} } } keys %lines;
    alarm $seconds;
    my $answers = eval { ask_all($name, $path, $user); 1 };
    alarm 0;
    if (!$answers) {
        print STDERR "$name: $@";
        $#{ $lines{$_} } = ($before{$_} // 0) - 1 for keys %lines;
    }
    told('up', $answers ? 1 : 0, 'process', $name);
}
for my $metric (sort grep { @{ $lines{$_} } } keys %lines) {
    my $kind = $metric =~ /_total$/ ? 'counter' : 'gauge';
    print "# TYPE pgbouncer_$metric $kind\n", @{ $lines{$metric} };
}
