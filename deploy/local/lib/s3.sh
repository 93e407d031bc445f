s3_stop_signal=TERM
s3_stop_seconds=2 # its filer waits 15 s for streams within the same process; killing it loses nothing

# As in s3/identities.json; deploy/compose.yaml has the same.
s3_access_key=pms-local
s3_secret_key=pms-local-secret
s3_region=us-east-1
s3_bucket=pms-images

# S3, its gRPC, then master, volume server and filer with theirs.
s3_ports() { say "$(port 33)" "$(port 34)" "$(port 93)" "$(port 94)" "$(port 80)" "$(port 81)" "$(port 88)" "$(port 89)"; }
s3_version() { "$weed" version 2>/dev/null | awk '{ print $3; exit }'; }
s3_endpoint() { printf 'http://127.0.0.1:%s' "$(port 33)"; }

s3_launch() {
    local data
    data=$(data_of s3)
    mkdir -p "$data/master" "$data/volumes"
    cp "$here/s3/master.toml" "$data/" # is read from the working directory and nowhere else of ours
    launch s3 "$weed" -logtostderr=true server -ip=127.0.0.1 -ip.bind=127.0.0.1 -dir="$data/volumes" \
        -master.dir="$data/master" -master.port="$(port 93)" -master.port.grpc="$(port 94)" \
        -master.volumeSizeLimitMB=64 -master.electionTimeout=1s -master.telemetry=false \
        -volume.port="$(port 80)" -volume.port.grpc="$(port 81)" -volume.max=2000 -volume.preStopSeconds=0 \
        -filer -filer.port="$(port 88)" -filer.port.grpc="$(port 89)" \
        -s3 -s3.port="$(port 33)" -s3.port.grpc="$(port 34)" -s3.port.iceberg=0 -s3.port.lance=0 \
        -s3.config="$here/s3/identities.json"
}

# What the volume server reports is all a lone master needs to know; with an old election in its
# folder it would wait 20 s for other masters. The names of all objects lie beside that, and stay.
# The sockets are named after the ports and lie in /tmp whatever one asks for; one that another user
# left behind keeps the server from starting.
s3_tidy() {
    local number
    rm -rf "$(data_of s3)/master/m$(port 93)"
    for number in $(s3_ports); do
        rm -f /tmp/seaweedfs-*-"$number".sock ||
            die "s3: delete that file as its owner, or choose other ports with PMS_LOCAL_PORT_BASE"
    done
}

# The status of a signed request. The body stays outside the signature, which curl would otherwise
# make of the body as a form.
s3_request() {
    curl --silent --output /dev/null --write-out '%{http_code}' --max-time 5 --noproxy '*' \
        --aws-sigv4 "aws:amz:$s3_region:s3" --user "$s3_access_key:$s3_secret_key" \
        --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@" || true
}

s3_answers() { [[ $(s3_request "$(s3_endpoint)/") == 200 ]]; }

s3_settle() { s3_open_bucket "$s3_bucket"; }

# s3_open_bucket NAME: makes a bucket, if it is not there, whose variants anybody may read.
s3_open_bucket() {
    local name=$1 bucket status policy
    bucket=$(s3_endpoint)/$name
    policy=$(sed "s,:::$s3_bucket/,:::$name/," "$here/s3/bucket-policy.json")
    status=$(s3_request --request PUT "$bucket")
    [[ $status == 200 || $status == 409 ]] || die "s3: making the bucket $name answered $status"
    status=$(s3_request --request PUT "$bucket?policy=" --data-binary "$policy")
    [[ $status == 204 ]] || die "s3: setting the policy of $name answered $status"
}

s3_env() {
    cat <<ENV
PMS_TEST_S3_ENDPOINT=$(s3_endpoint)
PMS_TEST_S3_ACCESS_KEY_ID=$s3_access_key
PMS_TEST_S3_SECRET_ACCESS_KEY=$s3_secret_key
PMS_TEST_S3_REGION=$s3_region
PMS__AWS__ENDPOINT=$(s3_endpoint)
PMS__AWS__REGION=$s3_region
PMS__AWS__S3BUCKET=$s3_bucket
PMS__AWS__ACCESS_KEY_ID=$s3_access_key
PMS__AWS__SECRET_ACCESS_KEY=$s3_secret_key
PMS__AWS__PUBLIC_BASE_URL=$(s3_endpoint)/$s3_bucket
ENV
}
